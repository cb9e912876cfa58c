from flume import handler


@handler
def charge(order: str) -> None:
    print(f"charged {order}")


@handler
def refund(order: str) -> None:
    print(f"refunded {order}")
