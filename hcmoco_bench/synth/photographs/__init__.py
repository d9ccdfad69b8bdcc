"""Single images of generated people, as data sets of photographs have them: any camera, one to three people."""
