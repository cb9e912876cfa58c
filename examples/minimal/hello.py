from flume import handler


@handler
def greet(name: str) -> None:
    print(f"Hello, {name}!")
