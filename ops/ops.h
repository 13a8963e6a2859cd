/* ops.h - THE list of tensor operations.
 *
 * One idea: model code never indexes a tensor; whatever touches an element is here or in norm/, so
 * another backend is other files behind this header. cpu_*.c implement it on OpenBLAS and OpenMP.
 *
 * Rules, without exception:
 *   - a backward pass adds to its gradients and the caller zeroes, but where a GradWrite or "set"
 *     says that it overwrites them;
 *   - argument order: outputs, caches, inputs, weights, sizes;
 *   - the bits of a result depend on the arguments only, never on the number of threads: every
 * output element is owned by one thread, and sums run over chunks fixed by shape;
 *   - nothing allocates: scratch comes from the caller's plan.
 * Read next: ops/cpu/cpu_gemm.c, then norm/norm.h. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "base/base.h"

/* What a backward pass does with a gradient: add to it, or overwrite it as its first writer, which
 * saves the zeroing and a read. */
typedef enum { GRAD_ADD, GRAD_SET } GradWrite;

/* --- start --- */

/* Starts the program again, once, in an environment that libraries read before main(): threads that
 * do not spin for long while they wait, and kernels of this processor where OpenBLAS does not know
 * it. Returns where there is nothing to set, or the system refuses. Before anything in main(). */
void ops_exec_tuned(char **argv);
/* Sets the number of threads (0 = OMP_NUM_THREADS, else all cores), tests that isnan() works in
 * this build and that the OpenMP flavour of OpenBLAS is the one loaded; prints one line to stderr
 * where it is not. */
void ops_start(size_t threads);
size_t ops_threads(void);
/* What computes, for run.json: flavour, version and kernel family of the BLAS. */
const char *ops_blas(void);
/* The constants of the numeric definition, e.g. "gemm blocks of 384, row chunks 16". */
const char *ops_numerics(void);

/* What this machine does in a second, measured for about `seconds`: FLOP of products (M,N) = (M,K)
 * (N,K)^T, parameters of AdamW updates of n at once. Both take memory while they run. */
typedef struct {
    double mean, best;
} ProbeRate;
ProbeRate ops_probe_gemm(size_t M, size_t N, size_t K, double seconds);
/* FLOP of products of side x side matrices by OpenBLAS as it comes, all threads its own. */
ProbeRate ops_probe_library(size_t side, double seconds);
ProbeRate ops_probe_update(size_t n, double seconds);

/* --- whole tensors --- */

void zero(real *x, size_t n);                              /* x = 0 */
void copy(real *y, const real *x, size_t n);               /* y = x */
void scale(real *x, real a, size_t n);                     /* x = a*x; a = 1 touches nothing */
void add_scaled(real *y, const real *x, real a, size_t n); /* y = y + a*x; a = 0 touches nothing */
double sum_of_squares(const real *x, size_t n);
/* Columns of a wider tensor: y (R,N) = x (R,N), rows y_stride and x_stride apart. */
void copy_columns(real *y, size_t y_stride, const real *x, size_t x_stride, size_t R, size_t N);

/* --- pieces --- */

/* Chains of operations that treat rows one by one run over one piece of the rows after another, so
 * that what one operation writes is still in the cache for the next. `work` does rows first ..
 * end-1; `chunk` counts the pieces, which are the same on any number of threads. Inside only what
 * runs on the calling thread: *_piece and norm_*_piece. */
typedef void RowWork(void *context, size_t chunk, size_t first, size_t end);
/* All R rows, of C features. */
void rows_share(RowWork *work, void *context, size_t R, size_t C);
/* s = skip*x + branch*o + block_skip*x_block (n each); x_block is not read where block_skip is 0.
 */
void residual_piece(real *s, const real *x, const real *o, const real *x_block, real skip,
                    real branch, real block_skip, size_t n);
/* y = a*x, or y += a*x; x is not read where a is 0. */
void scaled_piece(real *y, const real *x, real a, size_t n, GradWrite write);

/* --- linear: y (R,N) = x (R,K) w^T + bias, w (N,K), bias (N) or NULL --- */

void linear_forward(real *y, const real *x, const real *w, const real *bias, size_t R, size_t N,
                    size_t K);
/* dx = or += dy w. */
void linear_backward_input(real *dx, const real *dy, const real *w, size_t R, size_t N, size_t K,
                           GradWrite write);
/* dw = or += dy^T x; dbias += column sums of dy, NULL = none. */
void linear_backward_weight(real *dw, real *dbias, const real *dy, const real *x, size_t R,
                            size_t N, size_t K, GradWrite write);

/* gelu: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016, tanh form);
 * silu: x sigmoid(x); relu: max(0,x); relu2: max(0,x)^2. */
typedef enum { ACT_GELU, ACT_SILU, ACT_RELU, ACT_RELU2 } Activation;
/* z (R,N) = x (R,K) w^T + bias; h (R,N) = act(z) * factor. `factor` (R,N) is the other half of a
 * gated unit (Shazeer 2020, "GLU variants improve transformer"), NULL = 1. */
void activated_forward(real *h, real *z, const real *x, const real *w, const real *bias,
                       const real *factor, Activation act, size_t R, size_t N, size_t K);
/* Through the layer w (M,N) that read h, whose dh (R,N) = dy (R,M) w never leaves the cache:
 * dz = dh * factor * act'(z); dfactor = dh * act(z), where there is a factor. Both are set. */
void activated_backward(real *dz, real *dfactor, const real *dy, const real *w, const real *z,
                        const real *factor, Activation act, size_t R, size_t N, size_t M);

/* --- embedding: x (B*T,C) = tok (V,C)[token] + pos (.,C)[t], pos NULL = none --- */

void embedding_forward(real *x, const int *tokens, const real *tok, const real *pos, size_t B,
                       size_t T, size_t C);
void embedding_backward(real *dtok, real *dpos, const real *dx, const int *tokens, size_t B,
                        size_t T, size_t C);

/* --- dropout: x = x * mask / (1-p), mask a pure function of (seed, step, micro, site, index) --- */

typedef struct {
    double p; /* 0 = off */
    uint32_t seed, step, micro, site;
} Dropout;
/* In place; the backward pass is the same function applied to the gradient. */
void dropout_apply(real *x, const Dropout *dropout, size_t n);

/* --- rotary positions (Su et al. 2021), half-split pairs (i, i+HS/2) --- */

/* table (T,HS/2,2) = cos, sin of t * 10000^(-2i/HS). */
void rope_table(real *table, size_t T, size_t HS);
/* In place on x, NH heads in a row of `stride` elements: a' = a cos - b sin, b' = b cos + a sin;
 * the backward pass turns back. */
void rope_forward(real *x, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                  size_t stride);
void rope_backward(real *dx, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                   size_t stride);

/* --- causal attention, scores q.k/sqrt(HS); query head h reads key/value head h/(NH/NKV) --- */

typedef struct {
    size_t B, T, NH, NKV, HS;
} AttentionShape;
/* Elements of a row of qkv: all query heads, then all key heads, then all value heads. */
static inline size_t qkv_width(size_t NH, size_t NKV, size_t HS) {
    return (NH + 2 * NKV) * HS;
}
/* Elements of scratch for rows of at most T tokens. */
size_t attention_scratch(size_t T, size_t HS);
/* out (B,T,NH*HS); qkv (B,T,qkv_width); lse (B,NH,T) = log of the softmax denominators. The T x T
 * maps never exist: scores live in blocks of query rows and are computed again going backward. */
void attention_forward(real *out, real *lse, const real *qkv, real *scratch, const Dropout *dropout,
                       AttentionShape shape);
/* One row's token at position t alone: out (NH*HS), of qkv (t+1,qkv_width); B and T of `shape` do
 * not count. Scratch is for rows of more than t tokens. */
void attention_next(real *out, const real *qkv, real *scratch, size_t t, AttentionShape shape);
/* dqkv is set. */
void attention_backward(real *dqkv, const real *dout, const real *out, const real *lse,
                        const real *qkv, real *scratch, const Dropout *dropout,
                        AttentionShape shape);

/* --- head and loss --- */

/* logits (R,V) = h (R,C) w^T, w (V,C); loss_r = -ln softmax(logits_r)[target_r] */

/* Elements of scratch: the logits exist for a chunk of rows at a time, never whole. */
size_t head_scratch(size_t R, size_t V);
/* losses (R), in nats. Where dh is not NULL also dh = and dw = or += the gradients of
 * grad_scale * sum of losses. */
void head_loss(double *losses, real *dh, real *dw, const real *h, const real *w, const int *targets,
               real *scratch, real grad_scale, size_t R, size_t C, size_t V, GradWrite write);

/* logits (V) of row r of h (.,C). */
void head_logits(real *logits, const real *h, const real *w, size_t r, size_t C, size_t V);

/* --- moments: x (R,C), R tokens in rows of T; the first token of a row apart from the rest --- */

typedef enum { TOKEN_FIRST, TOKEN_REST, TOKEN_GROUPS } TokenGroup; /* r % T is 0, or not */
typedef struct {
    size_t tokens;         /* 0, in a group without any, leaves the others without meaning */
    double mean, variance; /* over the C features of a token, then the mean over tokens */
    double rms, absmax;    /* root of the mean square, and maximum, over all */
    double kurtosis; /* fourth central moment over squared variance, as mean; tokens whose variance
                        is 0 have none and are left out, NaN where no other is */
} Moments;
/* All of a NaN's group are NaN. */
void activation_moments(Moments moments[TOKEN_GROUPS], const real *x, size_t R, size_t T, size_t C);
/* Roots of the mean squares; NaN for a group without tokens. */
void activation_rms(double rms[TOKEN_GROUPS], const real *x, size_t R, size_t T, size_t C);

/* --- sampling --- */

typedef struct {
    double temperature; /* 0 = always the likeliest */
    size_t top_k;       /* of the likeliest only; 0 = all */
    double top_p; /* then of the fewest likeliest that have this probability together (Holtzman
                     et al. 2020, arXiv 1904.09751); 0 and 1 = all */
} Sampling;
/* A token drawn from softmax(logits/temperature), by u in [0,1). Equally likely tokens stay or go
 * together. Changes logits (V). */
int sample_token(real *logits, Sampling sampling, double u, size_t V);

/* --- update: AdamW (Loshchilov & Hutter 2019), decoupled decay by the same learning rate --- */

typedef struct {
    double lr, beta1, beta2, eps, weight_decay;
    double correction1, correction2; /* 1 - beta^n after n applied updates */
    double grad_scale;               /* clipping, folded into the one pass over the gradient */
} AdamW;
/* m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr (m/c1 / (sqrt(v/c2) + eps) + decay p). */
void adamw_update(real *p, real *m, real *v, const real *g, const AdamW *adamw, size_t n);

/* --- initial values --- */

/* x[i] = std * z_i for begin <= i < end, z_i ~ N(0,1) a pure function of (seed, name, i), rounded
 * to float in every build: a tensor starts the same in every net that has it. */
void normal_fill(real *x, uint32_t seed, const char *name, double std, size_t begin, size_t end);
void constant_fill(real *x, double value, size_t n);

#endif
