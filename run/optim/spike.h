/* spike.h - tells, before an update is applied, whether its loss or gradient norm is out of line.
 *
 * One idea: compare with a window of *accepted* values only, so that a spike can neither hide in
 * nor inflate the statistics it is judged by. The loss and the gradient norm have a window each;
 * both are plain arrays, which travel with a checkpoint.
 * Definitions: docs/spikes.md. A SpikeDetector owns its memory, taken once at creation.
 * Read next: health.h. */
#ifndef RUN_OPTIM_SPIKE_H
#define RUN_OPTIM_SPIKE_H

#include "run/io/safetensors.h"

typedef enum { DETECTOR_MAD, DETECTOR_SIGMA } DetectorKind;
typedef enum { ACTION_LOG, ACTION_CLIP, ACTION_SKIP, ACTION_STOP } SpikeAction;
const char *detector_name(int i);     /* mad sigma; NULL past the end */
const char *spike_action_name(int i); /* log clip skip stop; NULL past the end */

typedef struct {
    int detector;  /* DetectorKind */
    size_t window; /* at least 1 */
    double threshold;
    size_t min_history; /* accepted values before the first judgement; at least 1 (sigma: 2) */
    int action;         /* SpikeAction */
} SpikeOptions;

enum { SPIKE_NONE = 0, SPIKE_GRAD = 1, SPIKE_LOSS = 2, SPIKE_BOTH = 3 }; /* column `spike` */
enum { SPIKE_TENSORS = 3 };                                              /* named in spikes.csv */

/* What the detector says of one series at one step. While it is silent (before min_history) and
 * where the value is not finite, z, center and scale are NAN and flagged is false. */
typedef struct {
    double value;         /* in the detector's coordinate: ln(grad_norm) for mad, else as it is */
    double z;             /* (value - center) / scale */
    double center, scale; /* of the accepted values, this one excluded */
    bool flagged, finite;
} SpikeScore;

typedef struct {
    SpikeScore grad, loss;
    int spike; /* SPIKE_NONE .. SPIKE_BOTH, non-finite values included */
    bool finite;
    /* Filled where spike is not SPIKE_NONE: the tensors whose gradient grew most, greatest first,
     * ties by lower index. An entry whose growth is NAN names no tensor. */
    size_t tensor[SPIKE_TENSORS];
    double growth[SPIKE_TENSORS]; /* norm over its mean of accepted steps; INFINITY = not finite */
} SpikeReport;

typedef struct SpikeDetector SpikeDetector;
SpikeDetector *spike_create(const SpikeOptions *options, size_t n_tensors);
/* Bytes that spike_create takes. */
double spike_bytes(const SpikeOptions *options, size_t n_tensors);
void spike_free(SpikeDetector *detector);

/* Judges a step and then, where it is accepted, takes it into the window. `tensor_norms`
 * (n_tensors) are the gradient norms of the tensors of this step. */
SpikeReport spike_observe(SpikeDetector *detector, double loss, double grad_norm,
                          const double *tensor_norms);

/* The gradient norm at the centre of its window, to which action clip scales the gradient of a
 * flagged step; NAN where there is none to go by. */
double spike_clip_norm(const SpikeDetector *detector, const SpikeReport *report);

/* Everything the detector remembers, for a checkpoint: appends to `list` where it lies. After those
 * arrays were filled from a file spike_restored must be called: false where they make no sense. */
void spike_tensors(SpikeDetector *detector, Tensor **list);
bool spike_restored(SpikeDetector *detector);

/* Mean and unbiased standard deviation of x (n >= 2): how `sigma` and the spike score of health.h
 * measure. The deviation never falls below 1e-12 of the mean, so that among equal values one that
 * differs by rounding is no spike. */
void spike_mean_scale(const double *x, size_t n, double *mean, double *scale);

#endif
