"""The texts of the modules with which networks are built and followed. See ``texts.py``."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from web.pages.texts import Text, plural


def building() -> Mapping[str, Text]:
    return {
        "layer_flatten": gettext("Flatten"),
        "layer_dense": gettext("Dense"),
        "layer_conv": gettext("Convolution"),
        "layer_pooling": gettext("Pooling"),
        "layer_dropout": gettext("Dropout"),
        "layer_batch_norm": gettext("Batch normalisation"),
        "field_units": gettext("Units"),
        "field_activation": gettext("Activation"),
        "field_filters": gettext("Filters"),
        "field_kernel_size": gettext("Side of the kernel"),
        "field_strides": gettext("Step"),
        "field_padding": gettext("Edge"),
        "field_kind": gettext("Takes"),
        "field_pool_size": gettext("Side"),
        "field_rate": gettext("Share left out"),
        "padding_same": gettext("filled up"),
        "padding_valid": gettext("left off"),
        "kind_max": gettext("the largest"),
        "kind_average": gettext("the average"),
        "up": gettext("Up"),
        "down": gettext("Down"),
        "remove": gettext("Remove"),
        "up_named": gettext("Move {layer} up"),
        "down_named": gettext("Move {layer} down"),
        "remove_named": gettext("Remove {layer}"),
        "named": gettext("layer {place}, {kind}"),
        "shape": gettext("makes {shape}"),
        "weights": plural("{count} weight", "{count} weights"),
        "whole": gettext("The network has {weights}."),
        "not_built": gettext("It cannot be trained yet: see the layer with the mark."),
        "no_layers": gettext("There is no layer yet. Add one, or begin with a known network."),
        "fixed": gettext("This network is built as a whole: its layers cannot be changed here."),
        "moved": gettext("{layer} is layer {place} now."),
        "picture": gettext("The network from left to right: {layers}"),
        "starting": gettext("The training begins…"),
    }


def following() -> Mapping[str, Text]:
    return {
        "epochs_done": gettext("{done} of {total} epochs"),
        "curve_loss": gettext("Loss after each epoch: {last}"),
        "curve_accuracy": gettext("Share read right after each epoch: {last}"),
        "last": gettext("training {training}, validation {validation}"),
        "epoch_said": gettext("Epoch {epoch}: {share} of the validation images are read right."),
        "publishing": gettext("It is looked at, measured and published. This takes a minute."),
        "published": gettext("It is published as {label}."),
        "default_now": gettext("{label} is what jobs get from now on."),
        "confirm_stop_training": gettext("Stop this training? The best epoch so far is kept."),
        "suggest_publish": gettext(
            "More of your rows could be accepted, and nothing that it could read was lost: it may be published."
        ),
        "suggest_calibrate": gettext(
            "The network is no better, but a threshold for these rows accepts more: calibrate the model by them."
        ),
        "suggest_keep": gettext(
            "It is not better on both your rows and the reference pictures: keep the model as it is."
        ),
        "improvement_rows": gettext(
            "{model} went on learning from {rows} rows of {scans} scans, {held} of them held out."
        ),
        "threshold_stricter": gettext(
            "Its threshold is {threshold}, that of the model before {before}: so strict that at most two in a thousand "
            "of what it accepts of your scans are expected to be wrong."
        ),
        "threshold_same": gettext(
            "Its threshold stays {before}: at most two in a thousand of what it accepts of your scans are expected to "
            "be wrong."
        ),
        "pictures_own": gettext("your rows, {images} held out"),
        "pictures_reference": gettext("{images} reference pictures"),
        "pictures_mnist": gettext("{images} test pictures of MNIST"),
        "when_before": gettext("before"),
        "when_calibrated": gettext("before, calibrated"),
        "when_after": gettext("after"),
        "share_between": gettext("{share} ({low} to {high})"),
        "test_of": gettext("of {images} images are read right"),
        "mistake": gettext("a {label}, read as {answer}, {confidence} sure"),
        "of_confidence": gettext("{images} images of about {confidence}: {right} right"),
    }
