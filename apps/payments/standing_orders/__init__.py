"""Standing orders: taken in at the portal or through a TPP, signed, executed when due, ended (RTS art. 14; PSD2 art.
80)."""

from apps.payments.standing_orders.ending import (
    decline_standing_order,
    end_standing_order,
    expire_standing_orders,
    is_his_to_end,
    reject_standing_order,
)
from apps.payments.standing_orders.execution import (
    execute_due_standing_orders,
)
from apps.payments.standing_orders.initiating import (
    confirm_creditor_of_standing_order,
    initiate_standing_order,
    verify_payee_of_standing_order,
)
from apps.payments.standing_orders.reading import (
    StandingOrderStatusInvalid,
    StandingOrderUnknown,
    get_latest_execution,
    get_standing_order,
    get_standing_order_for_app,
    get_standing_order_to_sign,
    list_executions,
    list_partly_signed_standing_orders,
    list_running_standing_orders,
    list_standing_orders,
    list_standing_orders_to_sign,
)
from apps.payments.standing_orders.signing import (
    authorise_standing_order,
    send_standing_order_code,
    start_standing_order_authorisation,
)

__all__ = [
    "StandingOrderStatusInvalid",
    "StandingOrderUnknown",
    "authorise_standing_order",
    "confirm_creditor_of_standing_order",
    "decline_standing_order",
    "end_standing_order",
    "execute_due_standing_orders",
    "expire_standing_orders",
    "get_latest_execution",
    "get_standing_order",
    "get_standing_order_for_app",
    "get_standing_order_to_sign",
    "initiate_standing_order",
    "is_his_to_end",
    "list_executions",
    "list_partly_signed_standing_orders",
    "list_running_standing_orders",
    "list_standing_orders",
    "list_standing_orders_to_sign",
    "reject_standing_order",
    "send_standing_order_code",
    "start_standing_order_authorisation",
    "verify_payee_of_standing_order",
]
