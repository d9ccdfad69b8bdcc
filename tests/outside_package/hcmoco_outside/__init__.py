"""A method, a task, an encoder and a kind of store that hcmoco-bench does not know."""
