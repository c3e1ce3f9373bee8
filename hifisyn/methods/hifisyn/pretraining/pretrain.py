"""Pre-trains HiFi-Syn on simulated heads."""

from hifisyn.base.heads import Heads, simulate
from hifisyn.base.run import Request, Run, write_settings
from hifisyn.methods.hifisyn.pretraining.settings import PretrainSettings
from hifisyn.methods.hifisyn.pretraining.task import PretrainTask
from hifisyn.training.step import resolve_device

HEADS = "heads"


def pretrain(request: Request[PretrainSettings]) -> int:
    """Simulate the heads that are missing, and train until the last step or a signal.

    Returns:
        0 at the end, else the number of the signal (SIGINT, SIGTERM) after which the state was saved.

    Raises:
        UserError: nothing to continue or something that is in the way, other settings than before, or losses that are
            no longer finite.
    """
    device = resolve_device(request.device)
    write_settings(request, method="HiFiSyn")
    where = request.heads or request.folder / HEADS
    names = simulate(where, request.maps, request.seed, request.settings.simulation, request.processes)
    kept = min(request.settings.simulation.kept, len(names) - 1)
    train, look = Heads(where, names[:-kept]), Heads(where, names[-kept:])
    return Run(request, PretrainTask(request.settings, request.seed, train, look, device), device).run()
