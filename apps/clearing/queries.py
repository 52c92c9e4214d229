from uuid import UUID

from apps.clearing.models import ClearingInstruction
from apps.core.errors import NotFound


def get_instruction(*, instruction_id: UUID) -> ClearingInstruction:
    """An instruction to the clearing house.

    :raises NotFound: there is none.
    """
    instruction = ClearingInstruction.objects.filter(pk=instruction_id).first()
    if instruction is None:
        raise NotFound("instruction")
    return instruction
