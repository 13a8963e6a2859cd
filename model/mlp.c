/* mlp.c - see mlp.h. */
#include "model/mlp.h"

#include <stdio.h>

static const MlpKind KINDS[] = {
    {"gelu", "down(gelu(up(u)))", ACT_GELU, false},
    {"swiglu", "down(silu(gate(u)) * up(u))", ACT_SILU, true},
    {"geglu", "down(gelu(gate(u)) * up(u))", ACT_GELU, true},
    {"relu2", "down(relu(up(u))^2)", ACT_RELU2, false},
    {"relu", "down(relu(up(u)))", ACT_RELU, false},
    {"gelu_erf", "down(gelu_erf(up(u)))", ACT_GELU_ERF, false},
};

const MlpKind *mlp_kind(int i) {
    return i >= 0 && (size_t)i < sizeof KINDS / sizeof *KINDS ? &KINDS[i] : NULL;
}

const char *mlp_name(int i) {
    const MlpKind *kind = mlp_kind(i);
    return kind ? kind->name : NULL;
}

size_t mlp_width(const MlpKind *kind, size_t C) {
    if (!kind->gated) return size_mul(4, C);
    return (size_mul(8, C) + 3 * 64 - 1) / (3 * 64) * 64;
}

bool mlp_is_homogeneous(const MlpKind *kind) {
    return !kind->gated && (kind->act == ACT_RELU || kind->act == ACT_RELU2);
}

void mlp_plan_shared(MlpShared *shared, Plan *plan) {
    const Shape s = plan->shape;
    bool gated = mlp_kind(plan->options->mlp)->gated;
    size_t n = s.B * s.T * s.F;
    *shared = (MlpShared){
        .dup = plan_grad(plan, n),
        .dgate = gated ? plan_grad(plan, n) : NULL,
        .dmid = mid_plan_shared(plan, true, s.F),
    };
}

void mlp_plan(Mlp *mlp, Plan *plan, const MlpShared *shared, const char *prefix, size_t block) {
    const Shape s = plan->shape;
    size_t n = s.B * s.T * s.F;
    char name[128];
    *mlp = (Mlp){.kind = mlp_kind(plan->options->mlp), .dup = shared->dup, .dgate = shared->dgate};
    snprintf(name, sizeof name, "%s.up", prefix);
    mlp->up = plan_linear(plan, name, LINEAR_UP, BIAS_MLP, s.F, s.C);
    if (mlp->kind->gated) {
        snprintf(name, sizeof name, "%s.gate", prefix);
        mlp->gate = plan_linear(plan, name, LINEAR_PLAIN, BIAS_MLP, s.F, s.C);
        mlp->gate_x = plan_reals(plan, n);
    }
    mlp->up_x = plan_reals(plan, n);
    mlp->h = plan_reals(plan, n);
    mlp->mid = mid_plan(plan, prefix, block, true, s.F, mlp->h, mlp->dup, shared->dmid);
    snprintf(name, sizeof name, "%s.down", prefix);
    mlp->down = plan_linear(plan, name, LINEAR_RESIDUAL, BIAS_MLP, s.C, s.F);
}

/* z = layer(u), h = act(z) * factor. */
static void activated_layer(const Mlp *mlp, const Linear *layer, real *z, const real *factor,
                            const real *u, size_t R) {
    activated_forward(mlp->h, z, u, layer->weight.value, layer->bias.value, factor, mlp->kind->act,
                      R, layer->out, layer->in);
}

void mlp_branch_forward(Mlp *mlp, real *b, const real *u, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    if (mlp->kind->gated) {
        layer_forward(&mlp->up, mlp->up_x, u, R);
        activated_layer(mlp, &mlp->gate, mlp->gate_x, mlp->up_x, u, R);
    } else {
        activated_layer(mlp, &mlp->up, mlp->up_x, NULL, u, R);
    }
    mid_forward(&mlp->mid, mlp->h, pass);
    layer_forward(&mlp->down, b, mlp->mid.m, R);
}

/* From db to the gradients of z and `factor` of h = act(z) * factor. Without slot mid nothing is
 * between down and the activation, and one operation does it all. */
static void hidden_backward(const Mlp *mlp, real *dz, real *dfactor, const real *db, const real *z,
                            const real *factor, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const Linear *down = &mlp->down;
    if (mid_is_absent(&mlp->mid)) {
        activated_backward(dz, dfactor, db, down->weight.value, z, factor, mlp->kind->act, R,
                           down->in, down->out);
        return;
    }
    linear_backward_input(mlp->mid.dm, db, down->weight.value, R, down->out, down->in, GRAD_SET);
    mid_backward(&mlp->mid, dz, mlp->h, pass);
    activation_backward(dz, dfactor, z, factor, mlp->kind->act, R, down->in);
}

void mlp_branch_backward(Mlp *mlp, real *du, const real *db, const real *u, GradWrite du_write,
                         const Pass *pass) {
    const size_t R = pass->B * pass->T;
    layer_backward_weight(&mlp->down, db, mlp->mid.m, R, pass->grads);
    if (mlp->kind->gated) {
        hidden_backward(mlp, mlp->dgate, mlp->dup, db, mlp->gate_x, mlp->up_x, pass);
        layer_backward(&mlp->gate, du, mlp->dgate, u, R, du_write, pass->grads);
        layer_backward(&mlp->up, du, mlp->dup, u, R, GRAD_ADD, pass->grads);
    } else {
        hidden_backward(mlp, mlp->dup, NULL, db, mlp->up_x, NULL, pass);
        layer_backward(&mlp->up, du, mlp->dup, u, R, du_write, pass->grads);
    }
}
