/** The visitor's side of the sound: a microphone, or silence for those who type. */

import { Failed, microphoneFailure } from './failure';

/** Opens the microphone, which asks the visitor. Rejects with Failed. */
export async function openMicrophone(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
      video: false,
    });
  } catch (error) {
    throw new Failed(microphoneFailure(error));
  }
}

/**
 * A stream of silence. It keeps the offer sendrecv, so that the call of someone
 * who types is like every other, and a microphone can take its place later.
 */
export function silence(context: AudioContext): MediaStream {
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  // A destination that nothing leads to makes no sound, not even silence.
  const source = new ConstantSourceNode(context, { offset: 0 });
  source.connect(destination);
  source.start();
  return destination.stream;
}

export function stop(stream: MediaStream | undefined): void {
  stream?.getTracks().forEach((track) => track.stop());
}
