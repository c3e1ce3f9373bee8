"""Translation methods, one paper a folder; `hifisyn.training.registry` finds those that have a trainer.py."""
