// card.md: where a version came from and how it scored.
#ifndef ROLLOUT_TRAINER_PUBLISHING_MODEL_CARD_H_
#define ROLLOUT_TRAINER_PUBLISHING_MODEL_CARD_H_

#include <string>

#include "models/transition_model.h"
#include "trainer/fitting/data_statistics.h"
#include "trainer/fitting/fit_data.h"
#include "trainer/fitting/fit_options.h"
#include "trainer/publishing/evaluation_report.h"

namespace rollout {

struct CardFacts {
  std::string command;       // that made the model
  std::string started_from;  // "random weights", "version 3"
  std::string data;          // where the episodes came from
  std::string note;          // what a reader must know first; may be empty
  double final_loss = 0.0;   // mean over the last optimiser steps
  double fit_seconds = 0.0;  // wall time
};

// Markdown. Pure: the same facts give the same text.
std::string WriteModelCard(const TransitionModel& model, const FitData& data,
                           const FitOptions& options, const EvaluationReport& report,
                           const CardFacts& facts);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_MODEL_CARD_H_
