"""The dashboards: what an operator looks at before trusting a plan to the server."""

from __future__ import annotations

from panel import Page, Panel, Query

VERSION = "{{model}} v{{version}}"
HORIZON = VERSION + ", horizon {{horizon}}"


def quantiles(title: str, about: str, histogram: str, by: str = "", legend: str = "") -> Panel:
    """p50, p90 and p99 of a latency histogram."""
    group = f"le, {by}" if by else "le"
    return Panel(
        title,
        "s",
        tuple(
            Query(
                f"histogram_quantile({q / 100:g}, sum by ({group}) (rate({histogram}[WINDOW])))",
                f"p{q}{' ' + legend if legend else ''}",
            )
            for q in (50, 90, 99)
        ),
        about,
    )


def phase(name: str, about: str) -> Panel:
    return quantiles(f"Phase: {name}", about, f'rollout_phase_duration_seconds_bucket{{model=~"MODEL",phase="{name}"}}')


SERVING = Page(
    "serving",
    "Serving",
    "Who asks, how long it takes, where the time goes, and what is refused.",
    (
        Panel(
            "Requests",
            "requests/s",
            (
                Query(
                    "sum by (method, code) (rate(rollout_request_duration_seconds_count[WINDOW]))",
                    "{{method}} {{code}}",
                ),
            ),
            "Finished calls by method and status code.",
        ),
        quantiles(
            "Latency of answered requests",
            "From the arrival of the whole request to the reply being handed over.",
            'rollout_request_duration_seconds_bucket{code="OK",method=~".*(Rollout|ModelInfer|Plan)"}',
        ),
        phase("decode", "Reading, checking and clipping a request. Grows with what is sent."),
        phase("queue", "Until a request's first lane is under way. Grows first when a server is too small."),
        phase("compute", "Until a request's last lane is done, whatever else is computed meanwhile."),
        phase("reply", "Making the message from the engine's numbers."),
        Panel(
            "Batch sizes",
            "lanes",
            (
                Query(
                    'sum by (model) (rate(rollout_batch_lanes_sum{model=~"MODEL"}[WINDOW]))'
                    ' / sum by (model) (rate(rollout_batch_lanes_count{model=~"MODEL"}[WINDOW]))',
                    "{{model}}, mean",
                ),
                Query(
                    'histogram_quantile(0.9, sum by (le, model) (rate(rollout_batch_lanes_bucket{model=~"MODEL"}[WINDOW])))',
                    "{{model}}, p90",
                ),
            ),
            "Lanes (control sequences) under way together when a request starts.",
        ),
        Panel(
            "Queue, of its capacity",
            "ratio",
            (
                Query(
                    'rollout_queue_lanes{model=~"MODEL"} / rollout_queue_capacity_lanes{model=~"MODEL"}',
                    VERSION,
                ),
            ),
            "At 100% requests are refused with RESOURCE_EXHAUSTED.",
        ),
        Panel(
            "Transitions computed",
            "transitions/s",
            (Query('sum by (model) (rate(rollout_transitions_total{model=~"MODEL"}[WINDOW]))', "{{model}}"),),
            "Lanes times horizon, prediction error's own included.",
        ),
        Panel(
            "Refusals",
            "requests/s",
            (Query("sum by (reason) (rate(rollout_rejected_total[WINDOW]))", "{{reason}}"),),
            "Requests that were not answered.",
        ),
        Panel(
            "Loads by verdict",
            "loads",
            (
                Query('sum by (model, result) (rollout_model_loads_total{model=~"MODEL"})', "{{model}} {{result}}"),
                Query(
                    'sum by (model, gate) (rollout_gate_verdicts_total{model=~"MODEL",result="failed"}) > 0',
                    "{{model}} refused by {{gate}}",
                ),
            ),
            "Since the server's start; a quarantined version says why in its log and in `rolloutctl models`.",
        ),
        Panel(
            "Versions",
            "versions",
            (Query('rollout_model_state{model=~"MODEL"} == 1', "{{model}} v{{version}} {{state}}"),),
            "What there is and what is loaded or loading.",
            kind="table",
        ),
        Panel(
            "Which version answers",
            "versions",
            (
                Query('rollout_model_serving{model=~"MODEL"}', "{{model}} v{{version}} answers by default"),
                Query('rollout_model_label{model=~"MODEL"}', "{{model}} v{{version}} is {{label}}"),
            ),
            "Requests that name no version, and labels.",
            kind="table",
        ),
    ),
)

# One label at a time: after a promotion one version has both, and would match twice.
LABELLED = '* on (model, version, job, instance) group_left (label) rollout_model_label{model=~"MODEL",label="%s"}'

TRUTH = Page(
    "truth",
    "Truth",
    "How far the served models are from what was observed, and how much that rests on.",
    (
        Panel(
            "Prediction error",
            "1",
            (Query('rollout_prediction_error{model=~"MODEL",horizon=~"1|4|16|64|256"}', HORIZON),),
            "Normalised RMSE of open-loop prediction over the recent reported windows: 1 = a standard deviation of the data.",
            log=True,
        ),
        Panel(
            "Canary against stable",
            "1",
            (
                *(
                    Query(
                        f'rollout_prediction_error{{model=~"MODEL",horizon=~"1|4|16|64"}} {LABELLED % label}',
                        "{{model}} {{label}} v{{version}}, horizon {{horizon}}",
                    )
                    for label in ("stable", "canary")
                ),
            ),
            "The same error of the labelled versions, on the same reports.",
            log=True,
        ),
        Panel(
            "Skill over “nothing changes”",
            "1",
            (Query('clamp_min(rollout_prediction_skill{model=~"MODEL",horizon=~"1|4|16|64"}, -1)', HORIZON),),
            "1 less squared error / that of predicting no change. At 0 the model is worth nothing, below it does harm;"
            " what is below -1 is drawn at -1.",
        ),
        Panel(
            "Error of all replicas",
            "1",
            (
                Query(
                    'sqrt(sum by (model, version, horizon) (rate(rollout_prediction_squared_error_total{model=~"MODEL",horizon=~"1|4|16|64"}[WINDOW]))'
                    " / sum by (model, version, horizon)"
                    ' (rate(rollout_prediction_windows_total{model=~"MODEL",finite="true"}[WINDOW]) > 0))',
                    HORIZON,
                ),
            ),
            "From the counters of every server together, over the span of rates.",
            log=True,
        ),
        Panel(
            "Predictions that diverge",
            "ratio",
            (Query('rollout_prediction_diverged_ratio{model=~"MODEL",horizon=~"1|4|16|64|256"}', HORIZON),),
            "Part of the recent windows whose prediction is not finite; they are in no error.",
        ),
        Panel(
            "Energy drift",
            "1",
            (Query('rollout_energy_drift{model=~"MODEL"}', VERSION),),
            "Hamiltonian kinds: drift of the model's own energy along its golden rollouts, in standard deviations.",
        ),
        Panel(
            "Windows it rests on",
            "windows",
            (
                Query(
                    'sum by (model, version, horizon) (rollout_prediction_windows_total{model=~"MODEL",horizon=~"1|4|16|64"})',
                    HORIZON,
                ),
            ),
            "Judged since the version was loaded. An error over few windows is an anecdote.",
        ),
        Panel(
            "Reported transitions",
            "transitions/s",
            (Query('sum by (model) (rate(rollout_reported_transitions_total{model=~"MODEL"}[WINDOW]))', "{{model}}"),),
            "What clients observe and report; without it nothing here moves.",
        ),
        Panel(
            "Age of the serving version",
            "s",
            (
                Query(
                    'time() - rollout_model_published_timestamp_seconds{model=~"MODEL"}'
                    " and on (model, version, job, instance) rollout_model_serving",
                    VERSION,
                ),
            ),
            "Since it was published.",
        ),
        Panel(
            "What the trainer did, and why",
            "1",
            (
                Query('rollout_trainer_error_ratio{model=~"MODEL"}', "{{model}} new / live error, {{bound}}"),
                Query(
                    'sum by (model, result) (increase(rollout_trainer_publish_total{model=~"MODEL"}[1h]))',
                    "{{model}} {{result}}, last hour",
                ),
            ),
            "A version is published where even the high bound of its error over the live one's is below 1.",
        ),
    ),
)

TRAINER = Page(
    "trainer",
    "Trainer",
    "What the training loop collects, learns and publishes.",
    (
        Panel(
            "Episode return",
            "1",
            (Query('rollout_trainer_episode_return{model=~"MODEL"}', "{{model}}"),),
            "Of the last episode collected.",
        ),
        Panel(
            "Loss",
            "1",
            (Query('rollout_trainer_loss{model=~"MODEL"}', "{{model}}"),),
            "Of the last optimiser step, in normalised units.",
        ),
        Panel(
            "Throughput",
            "steps/s",
            (Query('rate(rollout_trainer_updates_total{model=~"MODEL"}[WINDOW])', "{{model}}"),),
            "Optimiser steps.",
        ),
        Panel(
            "Dataset",
            "transitions",
            (Query('rollout_trainer_dataset_transitions{model=~"MODEL"}', "{{model}}"),),
            "Transitions that the fit learns from and is judged by.",
        ),
        Panel(
            "Error of the new version over the live one's",
            "1",
            (Query('rollout_trainer_error_ratio{model=~"MODEL"}', "{{model}}, {{bound}}"),),
            "With its bootstrap interval; published where the high bound is below 1.",
        ),
        Panel(
            "Fitted versions by what became of them",
            "versions",
            (Query('rollout_trainer_publish_total{model=~"MODEL"}', "{{model}} {{result}}"),),
            "Since the trainer's start.",
        ),
        Panel(
            "Since the last publication",
            "s",
            (
                Query(
                    'time() - (rollout_trainer_last_publish_timestamp_seconds{model=~"MODEL"} > 0)',
                    "{{model}}",
                ),
            ),
            "By this process.",
        ),
    ),
)

GPU_NODE = "a GPU and NVIDIA's dcgm-exporter"
MACHINE = Page(
    "machine",
    "GPU and CPU",
    "What the processes use of the machine.",
    (
        Panel(
            "Processor",
            "cores",
            (Query("rate(process_cpu_seconds_total[WINDOW])", "{{job}} {{instance}}"),),
            "Cores' worth of processor time.",
        ),
        Panel(
            "Memory",
            "B",
            (Query("process_resident_memory_bytes", "{{job}} {{instance}}"),),
            "Resident.",
        ),
        Panel(
            "Requests being computed",
            "requests",
            (
                Query(
                    'sum by (model, engine, device) (rate(rollout_phase_duration_seconds_sum{phase="compute",model=~"MODEL"}[WINDOW])'
                    " * on (model, version, job, instance) group_left (engine, device) rollout_model_info)",
                    "{{model}}, {{engine}} on {{device}}",
                ),
            ),
            "On average at once, by engine and device: rate times time. Where it only rises the engine is too small.",
        ),
        Panel(
            "Threads and open files",
            "1",
            (
                Query("process_threads", "{{job}} {{instance}}, threads"),
                Query("process_open_fds", "{{job}} {{instance}}, open files"),
            ),
            "A number that only rises is a leak.",
        ),
        Panel(
            "Device faults",
            "1",
            (Query("sum by (device, kind) (rollout_device_faults_total)", "{{device}} {{kind}}"),),
            "Out of memory, launch failures, lost devices.",
            needs="a GPU",
        ),
        Panel(
            "GPU utilisation",
            "ratio",
            (Query("DCGM_FI_DEV_GPU_UTIL / 100", "GPU {{gpu}}"),),
            "Time in which a kernel ran.",
            needs=GPU_NODE,
        ),
        Panel(
            "GPU memory",
            "B",
            (Query("DCGM_FI_DEV_FB_USED * 1048576", "GPU {{gpu}} used"),),
            "Frame buffer.",
            needs=GPU_NODE,
        ),
        Panel(
            "GPU power",
            "W",
            (Query("DCGM_FI_DEV_POWER_USAGE", "GPU {{gpu}}"),),
            "Drawn by the board.",
            needs=GPU_NODE,
        ),
    ),
)

PAGES = (SERVING, TRUTH, TRAINER, MACHINE)
