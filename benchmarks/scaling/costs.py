"""What one operation costs, as measured on one machine. The simulation needs nothing else."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from digitmill.work.taking import GATHERED_CHUNKS

FILE = Path(__file__).with_name("costs.json")


class Operation(BaseModel):
    """What one operation costs Redis: microseconds of its main thread, and bytes that it receives and sends."""

    microseconds: float
    bytes_in: float
    bytes_out: float


class Operations(BaseModel):
    """Each as the service does it, through its own code and clients."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    plan: Operation
    """Write down one chunk of a job that is being planned, in batches."""
    create: Operation
    """Look at the load, and record a job of many chunks."""
    send: Operation
    """Send a wakeup."""
    deliver: Operation
    """Hand a message to a worker that waits."""
    take: Operation
    """Take a chunk of a job of 1,000,000 images."""
    complete: Operation
    """Store the rows of 1,024 images and take the next chunk."""
    submit_single: Operation
    """Record a job of one image with its plan and its upload."""
    take_single: Operation
    """One of 32 small jobs that are taken together."""
    complete_single: Operation
    """One of 32 jobs whose rows are stored in one round trip."""
    look: Operation
    """A caller asks how a job does."""
    idle_poll: Operation
    """A worker without work asks the broker's queues again, once a second."""
    beat: Operation
    """A worker of one process says that it lives, every 5 seconds."""
    sweep_lost: Operation
    """A worker asks whether to sweep, and another does."""
    sweep: Operation
    """A sweep that finds nothing to do."""
    read_workers: Operation
    """Read who lives, of 100 worker processes: the health check of a worker does so."""

    @property
    def microseconds_a_chunk(self) -> float:
        """All that is asked for one chunk by a worker that stays, from its plan to its rows."""
        each = (self.plan, self.complete)
        return sum(operation.microseconds for operation in each)

    @property
    def microseconds_a_single(self) -> float:
        """All that is asked for a job of one image, of which many come at once."""
        each = (self.submit_single, self.take_single, self.complete_single, self.look)
        return sum(operation.microseconds for operation in each) + self.deliver.microseconds / GATHERED_CHUNKS


OF_SINGLES = frozenset({"submit_single", "take_single", "complete_single", "look"})
"""Operations that only single images ask for."""


class Memory(BaseModel):
    """Bytes that Redis holds."""

    record: float
    """of a job: its record, and its places in the lists of jobs"""
    plan_of_chunk: float
    """of 1,024 images with short names"""
    rows_of_chunk: float
    """of 1,024 images, each with two alternatives"""
    single: float
    """of a finished job of one image, with all that belongs to it"""
    message: float
    """that waits in the broker's queue"""


class Engine(BaseModel):
    """Processor seconds outside Redis, for images of one kind."""

    kind: str
    upload_bytes: float
    """of an image, with its share of the zip's directory"""
    worker_seconds: float
    """to read, normalise and classify an image, in batches of a chunk"""
    web_seconds: float
    """to plan an image: its entry in the zip's directory, read and packed"""


class Whole(BaseModel):
    """A running service with one worker process, to compare the sums of operations with.

    Microseconds of Redis' main thread leave out what it takes while nobody asks anything.
    """

    redis_microseconds_a_chunk: float
    """of a job whose rows a caller streams meanwhile"""
    redis_microseconds_a_single: float
    """one after the other, each answered within its request"""
    worker_seconds_a_single: float
    web_seconds_a_single: float


class Costs(BaseModel):
    """Of one machine. Its ``load`` are the averages of 1, 5 and 15 minutes."""

    model_config = ConfigDict(frozen=True)

    machine: str
    processor: str
    cores: int
    load: tuple[float, float, float]
    server: str
    operations: Operations
    memory: Memory
    engines: list[Engine]
    whole: Whole

    @classmethod
    def read(cls, path: Path = FILE) -> Costs:
        return cls.model_validate_json(path.read_text())

    def as_in_a_service(self) -> Costs:
        """The same, with Redis so much slower that a chunk and a single image cost it what they did in a service.

        There it is seldom asked, so that every command wakes it up and finds its memory out of the processor's cache,
        and a caller reads the rows. One that has much to do is faster.
        """
        costs, whole = self.operations, self.whole
        of_chunk = max(1.0, whole.redis_microseconds_a_chunk / costs.microseconds_a_chunk)
        of_single = max(1.0, whole.redis_microseconds_a_single / costs.microseconds_a_single)
        slower = {
            name: operation.model_copy(
                update={"microseconds": (of_single if name in OF_SINGLES else of_chunk) * operation.microseconds}
            )
            for name, operation in costs
        }
        return self.model_copy(update={"operations": Operations(**slower)})
