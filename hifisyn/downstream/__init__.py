"""What comes after synthesis: tissue volumes, lesions, training a segmentation with synthetic copies."""
