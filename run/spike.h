/* spike.h - tells, before an update is applied, whether its loss or gradient norm is out of line.
 *
 * One idea: compare with a window of *accepted* values only, so that a spike can neither hide in nor
 * inflate the statistics it is judged by. The window is plain data and travels with a checkpoint.
 * Definitions: docs/spikes.md. A SpikeDetector owns its memory, taken once at creation.
 * Floor 4. Read next: runlog.h. */
#ifndef RUN_SPIKE_H
#define RUN_SPIKE_H

#include "ops/base.h"

typedef enum { DETECTOR_MAD, DETECTOR_SIGMA } DetectorKind;
typedef enum { ACTION_LOG, ACTION_CLIP, ACTION_SKIP, ACTION_STOP } SpikeAction;
const char *detector_name(int i);     /* mad sigma; NULL past the end */
const char *spike_action_name(int i); /* log clip skip stop; NULL past the end */

typedef struct {
    int detector; /* DetectorKind */
    size_t window;
    double threshold;
    size_t min_history;
    int action; /* SpikeAction */
} SpikeOptions;

enum { SPIKE_NONE = 0, SPIKE_GRAD = 1, SPIKE_LOSS = 2, SPIKE_BOTH = 3 }; /* column `spike` */
enum { SPIKE_TENSORS = 3 };                                            /* named in spikes.csv */

/* What the detector says of one series at one step. */
typedef struct {
    double value;         /* in the detector's coordinate: ln(grad_norm) for mad, else as it is */
    double z;             /* NAN while silent (before min_history) */
    double center, scale; /* z = (value - center) / scale */
    bool flagged, finite;
} SpikeScore;

typedef struct {
    SpikeScore grad, loss;
    int spike; /* SPIKE_NONE .. SPIKE_BOTH, non-finite values included */
    bool finite;
    size_t tensor[SPIKE_TENSORS]; /* whose gradient grew most, greatest first */
    double growth[SPIKE_TENSORS]; /* its norm over its mean of the accepted steps; NAN = unknown */
} SpikeReport;

typedef struct SpikeDetector SpikeDetector;
SpikeDetector *spike_create(const SpikeOptions *options, size_t n_tensors);
void spike_free(SpikeDetector *detector);

/* Judges a step and then, where it is accepted, takes it into the window. `tensor_norms` (n_tensors)
 * are the gradient norms of the tensors of this step. */
SpikeReport spike_observe(SpikeDetector *detector, double loss, double grad_norm,
                          const double *tensor_norms);

#endif
