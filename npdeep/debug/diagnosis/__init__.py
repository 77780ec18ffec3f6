"""What is wrong with this network, and what to try?"""

from npdeep.debug.diagnosis.diagnose import diagnose
from npdeep.debug.diagnosis.faults import FAULTS, Fault, plant
from npdeep.debug.diagnosis.findings import Diagnosis, Finding

__all__ = ["FAULTS", "Diagnosis", "Fault", "Finding", "diagnose", "plant"]
