"""From a stranger's ``.keras`` file to a published model: examined by a walled-in process, measured, converted."""
