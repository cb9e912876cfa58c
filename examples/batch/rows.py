from flume import Batch, batch_handler


@batch_handler
def insert(batch: Batch[str]) -> None:
    """Stand in for one INSERT of many rows."""
    bad = [job for job in batch if not job.value.isprintable()]
    for job in bad:
        batch.fail(job, ValueError("no printable text"))  # retried by itself
    print(f"inserted {len(batch) - len(bad)} rows")
