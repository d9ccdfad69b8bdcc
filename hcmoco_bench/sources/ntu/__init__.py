"""NTU RGB+D as downloaded: names, clips in folders and archives, skeletons, video, depth."""
