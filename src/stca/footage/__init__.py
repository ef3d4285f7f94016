"""Pictures from anywhere: images, packed data sets, video files, folders of frames, cameras."""
