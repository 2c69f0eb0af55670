"""KServe's own gRPC client, unchanged, against a rolloutd: kserve_client.py ADDRESS. One line of JSON."""

from __future__ import annotations

import asyncio
import json
import sys

import kserve
import numpy as np


async def ask(address: str) -> dict[str, object]:
    client = kserve.InferenceGRPCClient(url=address)
    inputs = []
    for name, shape in (("initial_state", [1, 12]), ("controls", [2, 5, 3])):
        tensor = kserve.InferInput(name=name, shape=shape, datatype="FP32")
        tensor.set_data_from_numpy(np.zeros(shape, np.float32), binary_data=True)
        inputs.append(tensor)
    request = kserve.InferRequest(model_name="hopper-sized", infer_inputs=inputs)
    reply = await client.infer(request)
    shapes = {output.name: list(output.as_numpy().shape) for output in reply.outputs}
    live, ready = await client.is_server_live(), await client.is_server_ready()
    model_ready = await client.is_model_ready("hopper-sized")
    await client.close()
    return {"live": live, "ready": ready, "model_ready": model_ready, "outputs": shapes}


print(json.dumps(asyncio.run(ask(sys.argv[1]))))
