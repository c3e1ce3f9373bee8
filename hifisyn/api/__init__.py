"""What the commands do, as functions: `hifisyn.train`, `hifisyn.predict` and `hifisyn.evaluate`."""
