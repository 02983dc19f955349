// What each kind of layer has for fields, as the service knows them, and what a new one begins with.

const ACTIVATIONS = ["relu", "elu", "gelu", "tanh", "sigmoid", "linear"];

export const KINDS = {
  conv: {
    filters: { most: 1000, begins: 16 },
    kernel_size: { most: 28, begins: 3 },
    strides: { most: 28, begins: 1 },
    padding: { choices: ["same", "valid"], begins: "same" },
    activation: { choices: ACTIVATIONS, begins: "relu" },
  },
  pooling: { kind: { choices: ["max", "average"], begins: "max" }, pool_size: { most: 28, begins: 2 } },
  batch_norm: {},
  dropout: { rate: { share: true, begins: 0.25 } },
  flatten: {},
  dense: { units: { most: 10000, begins: 64 }, activation: { choices: ACTIVATIONS, begins: "relu" } },
};

export function newLayer(type) {
  const fields = Object.entries(KINDS[type]).map(([name, { begins }]) => [name, begins]);
  return { type, ...Object.fromEntries(fields) };
}

// With every field that may be left out.
export function whole(layer) {
  return { ...newLayer(layer.type), ...layer };
}
