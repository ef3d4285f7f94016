"""Small networks: minutes on two CPU cores."""

from __future__ import annotations

from stca.config import ClipConfig, DataConfig, EvalConfig, ModelConfig, OptimConfig, RunConfig


def small_walkers() -> RunConfig:
    """stca_small on synthetic walkers, in minutes on two CPU cores: the demo.

    stca data make-walkers walkers && stca train small_walkers --data walkers --out runs/walkers
    """
    return RunConfig(
        recipe="small_walkers",
        data=DataConfig(source="walkers"),
        model=ModelConfig(name="stca_small"),
        clips=ClipConfig(clip_len=4),
        optim=OptimConfig(epochs=40, lr=1e-3, milestones=(28,), warmup_epochs=1),
        eval=EvalConfig(every=0),
    )


def small_mot() -> RunConfig:
    """stca_small on people tracked in your own videos (MOTChallenge sequences).

    stca train small_mot --data cam1 --data cam2 --test cam3 --out runs/mine
    """
    return RunConfig(
        recipe="small_mot",
        data=DataConfig(source="mot"),
        model=ModelConfig(name="stca_small"),
        clips=ClipConfig(clip_len=4),
        optim=OptimConfig(epochs=30, lr=1e-3, milestones=(20,), warmup_epochs=1),
        eval=EvalConfig(every=0),
    )
