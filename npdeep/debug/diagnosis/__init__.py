"""What is wrong with this network, and what to try?"""

from npdeep.debug.diagnosis.diagnose import diagnose
from npdeep.debug.diagnosis.faults import FAULTS, plant
from npdeep.debug.diagnosis.findings import Diagnosis, Finding
from npdeep.debug.diagnosis.planting import Fault

__all__ = ["FAULTS", "Diagnosis", "Fault", "Finding", "diagnose", "plant"]
