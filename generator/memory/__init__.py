"""Layout memory: codes of learned layouts, chosen and placed by integer arithmetic alone.

`Bank` and `Scene` hold layouts, `save` and `load` keep them in files, `describe_scene` describes a
scene's pixels, and `Memory.field` gives the code of every parent pixel of a world: the same on
every machine, for every number of threads and in every window.
"""

from generator.memory.bank import LEVELS, Bank, Scene
from generator.memory.bankfile import FORMAT, from_tensors, load, save, to_tensors
from generator.memory.config import CHOSEN_AT, STEP, WINDOW
from generator.memory.descriptor import describe, describe_scene
from generator.memory.field import Memory
from generator.memory.jitteredgrid import EARTH, MapSize

__all__ = [
    "CHOSEN_AT",
    "EARTH",
    "FORMAT",
    "LEVELS",
    "STEP",
    "WINDOW",
    "Bank",
    "MapSize",
    "Memory",
    "Scene",
    "describe",
    "describe_scene",
    "from_tensors",
    "load",
    "save",
    "to_tensors",
]
