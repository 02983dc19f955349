"""The sequence network: how it is built, taught and converted."""

from __future__ import annotations

import logging
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from keras import layers

from digitmill.models.engines.base import Converted
from digitmill.models.engines.keras import configure
from digitmill.models.engines.openvino import import_openvino
from digitmill.settings import DeviceName
from digitmill.strips.sequence import HEIGHT, NOTHING, OUTPUTS
from training.strips.sequence import BATCH, Batch, Strips, batches

LEARNING_RATE, LAST_RATE, WEIGHT_DECAY = 1.5e-3, 1e-5, 1e-3
WARM, FALLING = 0.02, 0.35
"""Shares of the steps until the learning rate is full, and from which on it falls, by a cosine."""
LONGEST_SLOPE = 3.0
"""Longer gradients are made so long."""
DROPOUT = 0.1

_log = logging.getLogger(__name__)


def built() -> Any:
    """A network that maps float32 [strips, 40, width, 1] to [strips, width / 4, OUTPUTS], before the softmax.

    Convolutions bring the 40 rows down to five, then to one; two more see 9 columns to either side.
    """
    pixels = layers.Input((HEIGHT, None, 1))
    found = _convolved(pixels, 16, 5, (2, 2))
    found = _convolved(found, 40, 3, (2, 2))
    found = _convolved(found, 64, 3)
    found = _convolved(found, 96, 3, (2, 1))
    found = layers.Add()([found, _convolved(found, 96, 3)])
    found = layers.ZeroPadding2D(((0, 0), (1, 1)))(found)
    found = _convolved(found, 160, (5, 3), padding="valid")
    for _ in range(2):
        found = layers.Add()([found, _convolved(found, 160, (1, 5))])
    found = layers.Conv2D(OUTPUTS, 1)(layers.Dropout(DROPOUT)(found))
    return keras.Model(pixels, layers.Reshape((-1, OUTPUTS))(found))


def _convolved(
    found: Any, filters: int, size: int | tuple[int, int], strides: tuple[int, int] = (1, 1), padding: str = "same"
) -> Any:
    found = layers.Conv2D(filters, size, strides, padding, use_bias=False)(found)
    return layers.Activation("relu")(layers.BatchNormalization()(found))


def taught(strips: Strips, epochs: int, seed: int, threads: int) -> Any:
    """The network after so many looks at the strips."""
    import tensorflow as tf  # noqa: PLC0415

    configure(DeviceName.AUTO, threads)
    keras.utils.set_random_seed(seed)
    network, random = built(), np.random.default_rng((seed, 7))
    steps = epochs * -(-len(strips.pictures) // BATCH)
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=LONGEST_SLOPE)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(pixels: Any, labels: Any, lengths: Any) -> Any:
        with tf.GradientTape() as tape:
            answers = network(pixels, training=True)
            widths = tf.fill([tf.shape(pixels)[0]], tf.shape(answers)[1])
            losses = tf.nn.ctc_loss(labels, answers, lengths, widths, logits_time_major=False, blank_index=NOTHING)
            loss = tf.reduce_mean(losses / tf.cast(lengths + 1, tf.float32))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, network.trainable_variables), network.trainable_variables, strict=True)
        )
        return loss

    number = 0
    for epoch in range(epochs):
        lost: list[float] = []
        for batch in batches(strips, random):
            optimizer.learning_rate.assign(_rate(number / steps))
            lost.append(float(step(*_padded(batch))))
            number += 1
        _log.info("epoch %d of %d: loss of a character %.4f", epoch + 1, epochs, np.mean(lost))
    return network


def _rate(done: float) -> float:
    warm = min(1.0, done / WARM + 0.05)
    fallen = 0.5 * (1 + np.cos(np.pi * max(0.0, (done - FALLING) / (1 - FALLING))))
    return float(LEARNING_RATE * warm * fallen + LAST_RATE)


def _padded(batch: Batch) -> Batch:
    """Widths in steps of 16, so that few kinds of batches are compiled."""
    more = -batch.pixels.shape[2] % 16
    room = ((0, 0), (0, 0), (0, more), (0, 0))
    return batch._replace(pixels=np.pad(batch.pixels, room, constant_values=batch.pixels[0, 0, -1, 0]))


def converted(network: Any, files: Converted) -> None:
    """Write the network for OpenVINO: uint8 pixels in, log probabilities out, weights in float32."""
    openvino = import_openvino()
    pixels = layers.Input((HEIGHT, None, 1))
    answers = layers.Lambda(keras.ops.log_softmax)(network(pixels))
    with TemporaryDirectory() as saved:
        keras.Model(pixels, answers).export(saved, verbose=False)
        graph = openvino.preprocess.PrePostProcessor(openvino.Core().read_model(saved))
        graph.input().tensor().set_element_type(openvino.Type.u8)
        graph.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
        files.graph.parent.mkdir(parents=True, exist_ok=True)
        openvino.save_model(graph.build(), str(files.graph), compress_to_fp16=False)
