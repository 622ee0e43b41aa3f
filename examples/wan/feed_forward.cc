#include "feed_forward.h"

namespace wan {

Tensor gelu_tanh(const Tensor& hidden_states) { return torch::gelu(hidden_states, "tanh"); }

GELUImpl::GELUImpl(std::int64_t dim_in, std::int64_t dim_out) {
  proj = register_module("proj", nn::Linear(dim_in, dim_out));
}

Tensor GELUImpl::forward(const Tensor& hidden_states) { return activation(proj(hidden_states)); }

FeedForwardImpl::FeedForwardImpl(std::int64_t dim, std::int64_t inner_dim)
    : project_in(dim, inner_dim), project_dropout(0.0), project_out(inner_dim, dim) {
  register_module("net", nn::ModuleList(project_in, project_dropout, project_out));
}

Tensor FeedForwardImpl::forward(const Tensor& hidden_states) {
  return project_out(project_dropout(project_in(hidden_states)));
}

}  // namespace wan
