/* spike.h - detects, before an update is applied, spikes of the loss and of the gradient norm.
 *
 * One idea: each value is compared with a window of *accepted* values only, so that a spike does not
 * inflate the statistics it is compared with. The loss and the gradient norm each have a window;
 * both are plain arrays that checkpoints contain.
 * Definitions: docs/spikes.md. A SpikeDetector owns its memory, allocated once at creation.
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
    size_t min_history; /* accepted values before detection starts; at least 1 (sigma: 2) */
    int action;         /* SpikeAction */
} SpikeOptions;

enum { SPIKE_NONE = 0, SPIKE_GRAD = 1, SPIKE_LOSS = 2, SPIKE_BOTH = 3 }; /* column `spike` */
enum { SPIKE_TENSORS = 3 }; /* tensors listed in spikes.csv */

/* The score of one series at one step. Before min_history, and if the value is not finite, z, center
 * and scale are NAN and flagged is false. */
typedef struct {
    double value;         /* ln(grad_norm) for mad, otherwise the value itself */
    double z;             /* (value - center) / scale */
    double center, scale; /* of the accepted values, this one excluded */
    bool flagged, finite;
} SpikeScore;

typedef struct {
    SpikeScore grad, loss;
    int spike; /* SPIKE_NONE .. SPIKE_BOTH, non-finite values included */
    bool finite;
    /* Set unless spike is SPIKE_NONE: the tensors whose gradient norm grew most, largest first, ties
     * by lower index. An entry whose growth is NAN is unused. */
    size_t tensor[SPIKE_TENSORS];
    double growth[SPIKE_TENSORS]; /* norm / its mean over accepted steps; INFINITY = not finite */
} SpikeReport;

typedef struct SpikeDetector SpikeDetector;
SpikeDetector *spike_create(const SpikeOptions *options, size_t n_tensors);
/* The number of bytes that spike_create allocates. */
double spike_bytes(const SpikeOptions *options, size_t n_tensors);
void spike_free(SpikeDetector *detector);

/* Scores a step and then, if it is accepted, adds it to the windows. `tensor_norms` (n_tensors) are
 * the gradient norms of the tensors at this step. */
SpikeReport spike_observe(SpikeDetector *detector, double loss, double grad_norm,
                          const double *tensor_norms);

/* The gradient norm at the center of its window; action clip scales the gradient of a flagged step
 * to it. NAN if the window is not yet in use. */
double spike_clip_norm(const SpikeDetector *detector, const SpikeReport *report);

/* The state for a checkpoint: appends tensors that refer to it to `list`. After they have been
 * filled from a file, spike_restored must be called: false if the values are invalid. */
void spike_tensors(SpikeDetector *detector, Tensor **list);
bool spike_restored(SpikeDetector *detector);

/* Mean and unbiased standard deviation of x (n >= 2), for `sigma` and for the spike score of
 * health.h. The standard deviation is at least 1e-12 of the mean, so that a value that differs from
 * equal ones only by rounding is not a spike. */
void spike_mean_scale(const double *x, size_t n, double *mean, double *scale);

#endif
