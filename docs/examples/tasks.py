from pathlib import Path

from hcmoco_bench import (
    evaluate_checkpoint,
    get_task,
    load_task_checkpoint,
    make_finetune_settings,
    run_finetune,
)

settings = make_finetune_settings(
    "depth_parsing",
    {"stores": ["hcmoco-data/parsing4k"], "backbone": "hrnet_w18_small", "init": "scratch", "image_size": 64}
    | {"batch_size": 4, "epochs": 1},
)
report = run_finetune(settings, Path("runs/depth"), bootstrap=0)
model = load_task_checkpoint(report.runs[0].model, "depth_parsing")
again = evaluate_checkpoint(get_task("depth_parsing"), model, model.config, bootstrap=0)
print(f"mIoU {again.evaluation.scores['miou']:.2f} %, as after training")
