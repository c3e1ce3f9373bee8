"""The base model: any contrasts in, T1, T2 and FLAIR out, learnt from simulated heads alone."""
