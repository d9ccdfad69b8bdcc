from hcmoco_bench import describe_settings, get_method, get_task

for record in describe_settings(get_method("hcmoco").settings)[:3]:
    print(record.name, record.type, record.default, record.paper, record.meaning)
print(get_task("itop_pose").settings(task="itop_pose").lr)
