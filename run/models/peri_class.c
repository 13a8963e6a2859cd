/* peri_class.c - see peri_class.h. */
#include "run/models/peri_class.h"

#include "base/text_out.h"
#include "run/io/json_out.h"
#include "run/log/wiring_out.h"

__asm__(".pushsection .rodata\n"
        ".global peri_class_source, peri_class_source_end\n"
        "peri_class_source:\n"
        ".incbin \"run/models/modeling_peri.py\"\n"
        "peri_class_source_end:\n"
        ".byte 0\n"
        ".popsection\n");

static void print_names(Json *json) {
    json_list_open(json, "architectures");
    json_item(json);
    json_print_string(json->out, PERI_CLASS_NAME);
    json_list_close(json);
    json_string(json, "model_type", PERI_CLASS_TYPE);
    json_open(json, "auto_map");
    json_string(json, "AutoConfig", "modeling_peri.PeriConfig");
    json_string(json, "AutoModelForCausalLM", "modeling_peri.PeriForCausalLM");
    json_close(json);
    json_string(json, "dtype", "float32");
}

static void print_sizes(Json *json, const Model *model, int eos) {
    const Shape *s = &model->shape;
    json_integer(json, "vocab_size", s->V);
    json_integer(json, "hidden_size", s->C);
    json_integer(json, "intermediate_size", s->F);
    json_integer(json, "num_hidden_layers", s->L);
    json_integer(json, "num_attention_heads", s->NH);
    json_integer(json, "num_key_value_heads", s->NKV);
    json_integer(json, "head_dim", s->HS);
    json_integer(json, "max_position_embeddings", s->T);
    json_boolean(json, "tie_word_embeddings", model->options.tie_embeddings);
    if (eos >= 0) json_integer(json, "eos_token_id", (uint64_t)eos);
}

static void print_rope(Json *json, const ModelOptions *options) {
    if (options->position != POSITION_ROPE) return;
    json_open(json, "rope");
    json_exact(json, "theta", options->rope_theta);
    json_exact(json, "local_theta", options->rope_local_theta);
    json_integer(json, "width", options_rope_width(options));
    json_exact(json, "factor", options->rope_factor);
    json_exact(json, "low", options->rope_low_freq);
    json_exact(json, "high", options->rope_high_freq);
    json_exact(json, "original", options->rope_original);
    json_close(json);
}

static void print_equations(Json *json, const Model *model, const PeriFacts *facts) {
    const ModelOptions *options = &model->options;
    const NormKind *norm = norm_kind(options->norm);
    const double eps = options->norm_eps;
    json_string(json, "equations", facts->equations);
    json_string(json, "norm", norm->name);
    json_exact(json, "norm_eps", eps != 0 ? eps : norm->eps);
    json_exact(json, "norm_eps_out", eps != 0 ? eps : norm->eps_out);
    json_exact(json, "gamma_scale", (double)facts->w);
    json_string(json, "mlp", mlp_name(options->mlp));
    json_string(json, "position", position_name(options->position));
    print_rope(json, options);
    json_exact(json, "embed_scale", options_embed_scale(options));
    json_exact(json, "score_scale", scaling_scores(&model->wiring.scaling, model->shape.HS));
    json_exact(json, "logit_scale", model->wiring.scaling.logits);
    json_exact(json, "softcap_logits", options->softcap_logits);
    json_exact(json, "softcap_attn", options->softcap_attn);
    const WiringPass pass = {model->warmup.steps ? model->warmup.slots : 0, facts->ramp};
    wiring_print_json(json, &model->wiring, &pass);
}

static void print_tensors(Json *json, const Params *params) {
    json_open(json, "tensors");
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        json_key(json, param->name);
        fprintf(json->out, "[%zu", param->shape[0]);
        if (param->shape[1]) fprintf(json->out, ", %zu", param->shape[1]);
        fputc(']', json->out);
    }
    json_close(json);
}

void peri_class_config(FILE *out, const Model *model, const PeriFacts *facts) {
    Json json = {.out = out};
    json_open(&json, NULL);
    print_names(&json);
    print_sizes(&json, model, facts->eos);
    print_equations(&json, model, facts);
    print_tensors(&json, &model->params);
    json_key(&json, "config");
    fputs(facts->config, out);
    json_close(&json);
    fputc('\n', out);
}
