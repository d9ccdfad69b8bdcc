from pathlib import Path

from hcmoco_bench import load_pretrained, make_pretrain_settings, run_pretrain

settings = make_pretrain_settings(
    "demo",  # a packaged recipe; None takes the defaults of the method's paper
    {"stores": ["hcmoco-data/pretrain"], "batch_size": 8, "stage2_epochs": 0},
)
report = run_pretrain(settings, Path("runs/small"))
pretrained = load_pretrained(report.checkpoint)
print(report.steps, "steps;", sorted(pretrained.method.encoders(pretrained.model)))
