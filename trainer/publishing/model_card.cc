#include "trainer/publishing/model_card.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace rollout {

std::string WriteModelCard(const TransitionModel& model, const FitData& data,
                           const FitOptions& options, const EvaluationReport& report,
                           const CardFacts& facts) {
  const TransitionModelSpec& spec = model.spec;
  std::string card = absl::StrCat("# ", spec.name, "\n\n");
  if (!facts.note.empty()) absl::StrAppend(&card, "**", facts.note, "**\n\n");
  absl::StrAppendFormat(
      &card, "%s%s, %s with %d substeps, hidden layers [%s] %s%s, dt = %g s, for %s.\n\n",
      Name(spec.dynamics.kind), spec.dynamics.has_force ? " with force" : "",
      Name(spec.integrator.method), spec.integrator.substeps,
      absl::StrJoin(spec.dynamics.hidden_sizes, ", "), Name(spec.dynamics.activation),
      spec.ensemble_size > 1 ? absl::StrCat(", ensemble of ", spec.ensemble_size) : "",
      spec.transition_dt,
      data.info.system.empty() ? "a system without a simulator here" : data.info.system);
  absl::StrAppendFormat(&card,
                        "## Data\n\n%s: %d training episodes (%d transitions), %d held out (%d "
                        "transitions), split by the hash of dataset and episode.\n\n",
                        facts.data, data.training.size(), data.training_transitions,
                        data.held_out.size(), data.held_out_transitions);
  absl::StrAppendFormat(
      &card,
      "## Fit\n\nFrom %s, seed %d: %d steps of Adam on batches of %d windows of %d states, "
      "learning "
      "rate %g to %g along a cosine, weight decay %g, gradient norm clipped at %g. Loss at the end "
      "%.3g. %.0f s of wall time.\n\n    %s\n\n",
      facts.started_from, options.seed, options.steps, options.batch, options.window_states,
      options.learning_rate, options.final_learning_rate, options.weight_decay,
      options.gradient_clip, facts.final_loss, facts.fit_seconds, facts.command);
  absl::StrAppendFormat(
      &card,
      "## Prediction of held-out episodes\n\nOpen loop, %d windows of up to 200 transitions. "
      "Errors "
      "are normalised by state_scale; \"test MSE\" is the 200-step test error of Gruver et al. "
      "(2022), mean and median over steps; \"useful\" is the last horizon up to which the model "
      "beats \"no change\".\n\n```\n%s```\n",
      report.windows, ReportTable(report));
  return card;
}

}  // namespace rollout
