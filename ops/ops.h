/* ops.h - the list of all tensor operations.
 *
 * One idea: model code never indexes a tensor. Whatever touches an element is here or in norm/, so
 * another backend is another folder behind this header. ops/cpu/ implements it with OpenBLAS and
 * OpenMP. Tensors are row-major and belong to the caller.
 *
 * Rules:
 *   - A backward function adds to its gradients; the caller zeroes them before.
 *   - A gradient with a GradWrite argument is added to or overwritten, as the argument says. A
 *     gradient whose comment says "is set" is always overwritten.
 *   - Arguments come in the order outputs, caches, inputs, weights, sizes.
 *   - The bits of a result depend on the arguments, never on the number of threads: every output
 *     element is computed by one thread, and sums run over chunks with borders fixed by shape.
 *   - Operations do not allocate: scratch memory comes from the caller's plan. (The probes, which
 *     only measure speed, are no operations and do allocate.)
 * Read next: ops/cpu/cpu_gemm.c, then norm/norm.h. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "base/base.h"

/* Whether a gradient is added to, or overwritten by its first writer, which saves zeroing it and
 * reading it. */
typedef enum { GRAD_ADD, GRAD_SET } GradWrite;

/* --- setup --- */

/* Call this first in main(). If an environment variable that libgomp or OpenBLAS reads before
 * main() has to be set, sets it and executes the program again, which does not return: idle threads
 * then spin only briefly, and OpenBLAS uses the right kernels for a processor that it does not
 * know. Returns if there is nothing to set, if the loader was called with the program as its
 * argument, or if the system call fails. */
void ops_exec_tuned(char **argv);
/* Sets the number of threads: 0 = the smallest of the processors that this process may use, the CPU
 * quota of its control groups, rounded up, and OMP_NUM_THREADS; at most OMP_THREAD_LIMIT. Exits if
 * isnan() does not work in this build; warns on stderr if the OpenBLAS that was loaded is not
 * built for OpenMP or does not know the processor. */
void ops_start(size_t threads);
/* The number of threads that work. */
size_t ops_threads(void);
/* The CPU quota that decided it, in processors; 0 if none did. */
double ops_threads_quota(void);
/* Both in words: "2 threads", "2 threads (CPU quota 1.5)". */
const char *ops_threads_text(void);
/* Number formats, in the order of stream_precision_name() in model/options.h. */
typedef enum { PRECISION_FLOAT32, PRECISION_BFLOAT16, PRECISION_FLOAT16 } Precision;
/* Sets the operands of matrix multiplications, those of attention included: as they are, or rounded
 * to bfloat16 (to nearest, ties to even). Sums and all other operations are float32. The model sets
 * it before every pass; float32 at the start. */
void ops_set_precision(Precision precision);
Precision ops_precision(void);
/* The name of the code that multiplies matrices in a precision on this processor. */
const char *ops_engine(Precision precision);
/* For run.json: build options, version and kernels of the BLAS. */
const char *ops_blas(void);
/* For run.json: the constants on which the bits of results depend. */
const char *ops_numerics(void);

/* Speed of this machine, measured for about `seconds`. Probes allocate memory while they run. */
typedef struct {
    double mean, best; /* per second */
} ProbeRate;
/* FLOP of (M,N) = (M,K) (N,K)^T. */
ProbeRate ops_probe_gemm(size_t M, size_t N, size_t K, double seconds);
/* FLOP of side x side matrices in plain OpenBLAS, on its own threads. */
ProbeRate ops_probe_library(size_t side, double seconds);
/* Parameters of an AdamW update of n parameters. */
ProbeRate ops_probe_update(size_t n, double seconds);

/* --- whole tensors --- */

void zero(real *x, size_t n);                              /* x = 0 */
void copy(real *y, const real *x, size_t n);               /* y = x */
void scale(real *x, real a, size_t n);                     /* x = a*x; a = 1 returns at once */
void add_scaled(real *y, const real *x, real a, size_t n); /* y = y + a*x; a = 0 returns at once */
double sum_of_squares(const real *x, size_t n);
/* y (R,N) = x (R,N), columns of wider tensors with rows of y_stride and x_stride elements. */
void copy_columns(real *y, size_t y_stride, const real *x, size_t x_stride, size_t R, size_t N);

/* x = round(a*x) / a for a power of two a, to nearest, ties to even. float16 has denormals, and what
 * rounds beyond 65,504 becomes infinite; in bfloat16 denormals become 0. */
void round_scaled(real *x, Precision precision, real a, size_t n);

/* --- chains of row-wise operations --- */

/* A chain of operations on independent rows runs chunk by chunk instead of tensor by tensor, so
 * that the output of one operation is still in the cache for the next. `work` computes one chunk,
 * rows first to end-1. The chunks are the same for any number of threads. `work` may only call
 * functions that run on the calling thread: *_piece and norm_*_piece. */
typedef void RowWork(void *context, size_t chunk, size_t first, size_t end);
/* Runs `work` for all chunks of R rows of C features, in parallel. */
void rows_share(RowWork *work, void *context, size_t R, size_t C);
/* s = skip*x + branch*o + block_skip*x_block (n each); x_block is not read if block_skip is 0. */
void residual_piece(real *s, const real *x, const real *o, const real *x_block, real skip,
                    real branch, real block_skip, size_t n);
/* As round_scaled with a = 1. */
void round_piece(real *x, Precision precision, size_t n);
/* y = or += a*x; x is not read if a is 0. */
void scaled_piece(real *y, const real *x, real a, size_t n, GradWrite write);
/* y = or += a * columns * x, with a factor for each of C features; columns NULL = 1. y may be x. */
void columns_piece(real *y, const real *x, real a, const real *columns, size_t rows, size_t C,
                   GradWrite write);
/* The sums (C) over rows of x*y, of each chunk of rows_share on its own: `sums` has column_sums(C)
 * elements, of which a call sets those of one chunk. */
size_t column_sums(size_t C);
void column_sums_piece(real *sums, size_t chunk, const real *x, const real *y, size_t rows,
                       size_t C);
/* After the last chunk: y (C) += a * the sums of all rows; or the total of all sums. */
void column_sums_add(real *y, const real *sums, real a, size_t C);
double column_sums_total(const real *sums, size_t C);

/* --- linear: y (R,N) = x (R,K) w^T + bias, w (N,K), bias (N) or NULL --- */

void linear_forward(real *y, const real *x, const real *w, const real *bias, size_t R, size_t N,
                    size_t K);
/* dx (R,K) = or += dy w. */
void linear_backward_input(real *dx, const real *dy, const real *w, size_t R, size_t N, size_t K,
                           GradWrite write);
/* dw (N,K) = or += dy^T x; dbias (N) += column sums of dy, NULL = none. */
void linear_backward_weight(real *dw, real *dbias, const real *dy, const real *x, size_t R,
                            size_t N, size_t K, GradWrite write);

/* The layer that does to x what this one does to factor * (gain * x + shift). Element k of x has
 * gain[k % n] and shift[k % n]: w = factor w diag(gain), bias += factor w shift. */
void linear_fold_input(real *w, real *bias, const double *gain, const double *shift, size_t n,
                       double factor, size_t N, size_t K);
/* The layer whose output is factor * gain (N) times that of this one. */
void linear_fold_output(real *w, real *bias, const double *gain, double factor, size_t N, size_t K);

/* gelu: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016, tanh form);
 * gelu_erf: x/2 (1 + erf(x/sqrt(2))), which the tanh form approximates;
 * silu: x sigmoid(x); relu: max(0,x); relu2: max(0,x)^2. */
typedef enum { ACT_GELU, ACT_SILU, ACT_RELU, ACT_RELU2, ACT_GELU_ERF } Activation;
/* z (R,N) = x (R,K) w^T + bias; h (R,N) = act(z) * factor. `factor` (R,N) is the linear half of a
 * gated linear unit (Shazeer 2020, "GLU variants improve transformer"), NULL = 1. */
void activated_forward(real *h, real *z, const real *x, const real *w, const real *bias,
                       const real *factor, Activation act, size_t R, size_t N, size_t K);
/* Backward through the linear layer w (M,N) that follows and through the activation. dh (R,N) =
 * dy (R,M) w stays in the cache: dz = dh * factor * act'(z); dfactor = dh * act(z), if there is a
 * factor. Both are set. */
void activated_backward(real *dz, real *dfactor, const real *dy, const real *w, const real *z,
                        const real *factor, Activation act, size_t R, size_t N, size_t M);
/* The same from dh itself, which dz (R,N) has before the call. */
void activation_backward(real *dz, real *dfactor, const real *z, const real *factor, Activation act,
                         size_t R, size_t N);

/* --- embedding: x (B*T,C) = tok (V,C)[token] + pos (.,C)[t], pos NULL = none --- */

void embedding_forward(real *x, const int *tokens, const real *tok, const real *pos, size_t B,
                       size_t T, size_t C);
void embedding_backward(real *dtok, real *dpos, const real *dx, const int *tokens, size_t B,
                        size_t T, size_t C);

/* --- dropout: x = x * mask / (1-p), mask a function of (seed, step, micro, site, index) --- */

typedef struct {
    double p;                   /* 0 = off */
    uint32_t seed, step, micro; /* micro: micro-batch of the step */
    uint32_t site;              /* number of the dropout in the model */
} Dropout;
/* In place. The backward pass applies the same function to the gradient. */
void dropout_apply(real *x, const Dropout *dropout, size_t n);

/* --- rotary position encoding (Su et al. 2021), half-split pairs (i, i+HS/2) --- */

/* The frequencies f_i of the pairs. `width` features of a head rotate, width/2 pairs; the other pairs
 * have f = 0.
 *
 *     f_i = theta^(-2i/width)
 *
 * A `factor` above 1 divides low frequencies, so that a model can be used on longer texts than
 * `original` tokens, on which it was trained (Llama 3.1): those whose wave is longer than original/low
 * tokens by all of it, those whose wave is shorter than original/high not at all, and between them
 * linearly in 1/wave. */
typedef struct {
    double theta;
    size_t width; /* even, at most HS */
    double factor, low, high, original;
} Rope;

/* table (T,HS/2,2) = cos, sin of t * f_i. */
void rope_table(real *table, size_t T, size_t HS, const Rope *rope);
/* In place on x: NH heads per token, tokens `stride` elements apart.
 *   a' = a cos - b sin   b' = b cos + a sin
 * The backward pass rotates by the opposite angle. */
void rope_forward(real *x, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                  size_t stride);
void rope_backward(real *dx, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                   size_t stride);

/* The first token of a sequence has statistics of its own. */
typedef enum { TOKEN_FIRST, TOKEN_REST, TOKEN_GROUPS } TokenGroup;

/* --- causal attention, scores scale * q.k; query head h reads key/value head h/(NH/NKV) --- */

typedef struct {
    size_t B, T, NH, NKV, HS;
    real scale;    /* 0 = 1/sqrt(HS) */
    size_t window; /* w: the token at t attends to tokens t-w+1 to t; 0 = to all up to t */
    real softcap;  /* c: scores are c tanh(scores / c) before the softmax; 0 = none */
} AttentionShape;
/* Elements of qkv per token: all query heads, then all key heads, then all value heads. */
static inline size_t qkv_width(size_t NH, size_t NKV, size_t HS) {
    return (NH + 2 * NKV) * HS;
}
/* Elements of scratch for sequences of at most T tokens, on the current number of threads. */
size_t attention_scratch(size_t T, size_t HS);
/* out (B,T,NH*HS); qkv (B,T,qkv_width); lse (B,NH,T) = log-sum-exp of the scores of each query; peaks
 * (TOKEN_GROUPS) are raised to the largest score of a first token and of the others; NULL = not
 * wanted. The T x T scores are never stored: they exist for one block of queries at a time and are recomputed
 * in the backward pass. */
void attention_forward(real *out, real *lse, real *peaks, const real *qkv, real *scratch,
                       const Dropout *dropout, AttentionShape shape);
/* One step of decoding: out (NH*HS) of the token at position t of a sequence, from qkv
 * (t+1,qkv_width). B and T of `shape` are not used. Scratch is for sequences of more than t
 * tokens. */
void attention_next(real *out, const real *qkv, real *scratch, size_t t, AttentionShape shape);
/* How much attention goes to the first token of a sequence: the probabilities
 * p(t,0) = exp(score of token 0 - lse_t), summed over the queries t >= 1 of all sequences, are added to
 * sums (NH); 0 where token 0 is outside of the window. After attention_forward, from its lse. */
void attention_first(double *sums, const real *lse, const real *qkv, AttentionShape shape);
/* dqkv is set. */
void attention_backward(real *dqkv, const real *dout, const real *out, const real *lse,
                        const real *qkv, real *scratch, const Dropout *dropout,
                        AttentionShape shape);

/* --- head and loss --- */

/* logits (R,V) = h (R,C) w^T + bias; loss_r = -ln softmax(logits_r)[target_r]. With a softcap c the
 * logits are c tanh(logits / c), between -c and c (Gemma 2, arXiv 2408.00118). */
typedef struct {
    const real *w;    /* (V,C) */
    const real *bias; /* (V), NULL = none */
    real softcap;     /* 0 = none */
} HeadWeights;
typedef struct {
    real *w, *bias; /* bias NULL where the head has none */
} HeadGrads;

/* Elements of scratch: the logits exist for one chunk of tokens at a time. `capped`: with a softcap,
 * whose derivatives take a row for each of the current threads. */
size_t head_scratch(size_t R, size_t V, bool capped);
/* losses (R), in nats. If dh is not NULL, also the gradients of grad_scale * sum(losses): dh is
 * set, grads.w is set or added to, grads.bias is added to. */
void head_loss(double *losses, real *dh, HeadGrads grads, const real *h, HeadWeights head,
               const int *targets, real *scratch, real grad_scale, size_t R, size_t C, size_t V,
               GradWrite write);

/* logits (V) of token r of h (.,C). */
void head_logits(real *logits, const real *h, HeadWeights head, size_t r, size_t C, size_t V);

/* --- moments of x (R,C), R tokens in sequences of T --- */

typedef struct {
    size_t tokens;         /* if 0, the other members are undefined */
    double mean, variance; /* over the C features of a token, averaged over tokens */
    double rms, absmax;    /* root mean square and largest absolute value of all elements */
    double kurtosis; /* fourth central moment / variance^2 of a token, averaged over the tokens
                        with a variance above 0; NaN if there are none */
} Moments;
/* A NaN makes all moments of its group NaN. */
void activation_moments(Moments moments[TOKEN_GROUPS], const real *x, size_t R, size_t T, size_t C);
/* Root mean squares; NaN for a group without tokens. */
void activation_rms(double rms[TOKEN_GROUPS], const real *x, size_t R, size_t T, size_t C);

/* The element of x (R,C) with the largest |x|, the first one of equal ones. Where any element is NaN, a
 * NaN. */
typedef struct {
    double value;       /* with its sign; 0 in a group without tokens */
    size_t row, column; /* its place in x */
} Peak;
void activation_peaks(Peak peaks[TOKEN_GROUPS], const real *x, size_t R, size_t T, size_t C);
/* The median of |x| (n), the mean of the two in the middle where n is even; NaN where any is NaN.
 * scratch (n) is overwritten. */
double median_abs(real *scratch, const real *x, size_t n);

/* --- sampling --- */

typedef struct {
    double temperature; /* 0 = greedy: the most likely token */
    size_t top_k;       /* only the k most likely tokens; 0 = all */
    double top_p;       /* then only the smallest set of most likely tokens with this total
                           probability (Holtzman et al. 2020, arXiv 1904.09751); 0 and 1 = all */
} Sampling;
/* Samples a token from softmax(logits/temperature) with a uniform random number u in [0,1). Tokens
 * of equal probability are kept or excluded together. Overwrites logits (V). */
int sample_token(real *logits, Sampling sampling, double u, size_t V);

/* --- AdamW (Loshchilov & Hutter 2019): decoupled weight decay, scaled by the learning rate --- */

typedef struct {
    double lr, beta1, beta2, eps, weight_decay;
    double correction1, correction2; /* 1 - beta^n after n applied updates */
    double grad_scale;               /* factor of the gradient, from clipping */
} AdamW;
/* m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr (m/c1 / (sqrt(v/c2) + eps) + decay p). */
void adamw_update(real *p, real *m, real *v, const real *g, const AdamW *adamw, size_t n);
/* The same with the same bits; returns the sum of squares of the changes of p, as they were rounded. */
double adamw_update_measured(real *p, real *m, real *v, const real *g, const AdamW *adamw,
                             size_t n);

/* --- Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): orthogonalized momentum --- */

typedef struct {
    double momentum;   /* mu: EMA decay of the gradient */
    double grad_scale; /* s: factor of the gradient, from clipping */
    double step;       /* learning rate times the factor of the shape */
    double decay;      /* learning rate times weight decay */
} Muon;
/* Elements of scratch for a matrix, and the FLOPs of its matrix multiplications. */
size_t muon_scratch(size_t rows, size_t cols);
double muon_flops(size_t rows, size_t cols);
/* For a matrix p (rows,cols): m = mu m + (1-mu) s g; u = mu m + (1-mu) s g (Nesterov);
 * p -= step O(u) + decay p. O(u) moves the singular values of u/(|u| + 1e-7) to about 1 by five
 * Newton-Schulz steps x = a x + b (x x^T) x + c (x x^T)^2 x, (a,b,c) = (3.4445, -4.7750, 2.0315).
 * Operands are float32 whatever the precision is. Returns the sum of squares of the changes of p, as
 * they were rounded. */
double muon_update(real *p, real *m, const real *g, real *scratch, const Muon *muon, size_t rows,
                   size_t cols);

/* --- initial values --- */

/* x[i] = std * z_i for begin <= i < end. z_i ~ N(0,1) is a function of (seed, name, i) alone and is
 * rounded to float in every build, so a tensor has the same initial values in every model. */
void normal_fill(real *x, uint32_t seed, const char *name, double std, size_t begin, size_t end);
void constant_fill(real *x, double value, size_t n);

#endif
