"""Draw poses with MuJoCo, in a process of its own: python -m wildrobot_exp.evaluation.render JOB.npz

MuJoCo picks its graphics library when it is imported, and a broken one can take the process down, so
video.py sets MUJOCO_GL and starts this. JOB.npz holds what video.py writes into it. No JAX in here.
"""

import itertools
import sys
from collections.abc import Iterator

import imageio_ffmpeg
import mujoco
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wildrobot_exp.children import die_with_the_parent

CAMERA = "track"
SHADOW_SIZE = 1024  # px; the model's own 4096 doubles the time per frame without a GPU


def frames(model: mujoco.MjModel, poses: np.ndarray, width: int, height: int) -> Iterator[np.ndarray]:
  """An image [height, width, 3] of every pose [F, nq], seen from the tracking camera."""
  data = mujoco.MjData(model)
  model.vis.quality.shadowsize = SHADOW_SIZE
  renderer = mujoco.Renderer(model, height, width)
  renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
  for pose in poses:
    data.qpos[:] = pose
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)
    data.light_xpos[:, :2] += pose[:2]  # a fixed light loses the robot's shadow after a metre
    renderer.update_scene(data, CAMERA)
    yield renderer.render()
  renderer.close()


def write_text(image: np.ndarray, text: str) -> np.ndarray:
  """The image with lines of text in its upper left corner."""
  if not text:
    return image
  picture = Image.fromarray(image)
  size = max(image.shape[0] // 24, 10)
  draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
  draw.multiline_text((size // 2 + 1, size // 2 + 1), text, font=font, fill=(255, 255, 255))
  draw.multiline_text((size // 2, size // 2), text, font=font, fill=(20, 26, 36))
  return np.asarray(picture)


def side_by_side(images: Iterator[np.ndarray], columns: int) -> Iterator[np.ndarray]:
  """Every `columns` images joined into one, from left to right."""
  while row := list(itertools.islice(images, columns)):
    yield np.concatenate(row, axis=1)


def main(path: str) -> None:
  """Draw the job: a video if it has `fps`, otherwise one picture with the poses side by side.

  A video's poses are [F * columns, nq]: `columns` of them, drawn side by side, make a frame.
  """
  with np.load(path, allow_pickle=False) as job:
    model = mujoco.MjModel.from_binary_path(str(job["model"]))
    width, height, output = int(job["width"]), int(job["height"]), str(job["output"])
    poses, texts = job["qpos"], job["overlay"]
    fps = float(job["fps"]) if "fps" in job else None
    columns = int(job["columns"]) if "columns" in job else 1
  if fps is not None:
    model.vis.quality.offsamples = 0  # smooth edges double the time per frame too, and compression hides them
  drawn = zip(frames(model, poses, width, height), texts, strict=True)
  images = (write_text(image, str(text)) for image, text in drawn)
  if fps is None:
    Image.fromarray(np.concatenate(list(images), axis=1)).save(output)
    return
  writer = imageio_ffmpeg.write_frames(
    output,
    (width * columns, height),
    fps=fps,
    codec="libx264",
    pix_fmt_out="yuv420p",
    macro_block_size=2,
    output_params=["-preset", "veryfast", "-movflags", "+faststart"],
  )
  writer.send(None)
  for image in side_by_side(images, columns):
    writer.send(np.ascontiguousarray(image))
  writer.close()


if __name__ == "__main__":
  die_with_the_parent()
  main(sys.argv[1])
