/* mlp.c - see mlp.h. */
#include "model/mlp.h"

#include <stdio.h>

static const MlpKind KINDS[] = {
    {"gelu", "down(gelu(up(u)))", ACT_GELU, false},
    {"swiglu", "down(silu(gate(u)) * up(u))", ACT_SILU, true},
    {"geglu", "down(gelu(gate(u)) * up(u))", ACT_GELU, true},
    {"relu2", "down(relu(up(u))^2)", ACT_RELU2, false},
    {"relu", "down(relu(up(u)))", ACT_RELU, false},
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

void mlp_plan_shared(MlpShared *shared, Plan *plan) {
    const Shape s = plan->shape;
    bool gated = mlp_kind(plan->options->mlp)->gated;
    size_t n = s.B * s.T * s.F;
    *shared = (MlpShared){
        .dup = plan_grad(plan, n),
        .dgate = gated ? plan_grad(plan, n) : NULL,
    };
}

void mlp_plan(Mlp *mlp, Plan *plan, const MlpShared *shared, const char *prefix) {
    const Shape s = plan->shape;
    size_t n = s.B * s.T * s.F;
    char name[128];
    *mlp = (Mlp){.kind = mlp_kind(plan->options->mlp), .dup = shared->dup, .dgate = shared->dgate};
    snprintf(name, sizeof name, "%s.up", prefix);
    mlp->up = plan_linear(plan, name, LINEAR_UP, s.F, s.C);
    if (mlp->kind->gated) {
        snprintf(name, sizeof name, "%s.gate", prefix);
        mlp->gate = plan_linear(plan, name, LINEAR_PLAIN, s.F, s.C);
        mlp->gate_x = plan_reals(plan, n);
    }
    snprintf(name, sizeof name, "%s.down", prefix);
    mlp->down = plan_linear(plan, name, LINEAR_RESIDUAL, s.C, s.F);
    mlp->up_x = plan_reals(plan, n);
    mlp->h = plan_reals(plan, n);
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
    layer_forward(&mlp->down, b, mlp->h, R);
}

void mlp_branch_backward(Mlp *mlp, real *du, const real *db, const real *u, GradWrite du_write,
                         const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const Linear *down = &mlp->down;
    layer_backward_weight(down, db, mlp->h, R, pass->grads);
    if (mlp->kind->gated) {
        activated_backward(mlp->dgate, mlp->dup, db, down->weight.value, mlp->gate_x, mlp->up_x,
                           mlp->kind->act, R, down->in, down->out);
        layer_backward(&mlp->gate, du, mlp->dgate, u, R, du_write, pass->grads);
        layer_backward(&mlp->up, du, mlp->dup, u, R, GRAD_ADD, pass->grads);
    } else {
        activated_backward(mlp->dup, NULL, db, down->weight.value, mlp->up_x, NULL, mlp->kind->act,
                           R, down->in, down->out);
        layer_backward(&mlp->up, du, mlp->dup, u, R, du_write, pass->grads);
    }
}
