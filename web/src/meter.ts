/** How loud a stream is at the moment, for the eye. */

/** Levels in dBFS that are shown as nothing and as all. */
const [quiet, loud] = [-55, -12];

/** The share of a meter that samples between -1 and 1 fill. Pure. */
export function share(samples: Float32Array): number {
  let power = 0;
  for (const v of samples) power += v * v;
  if (power === 0) return 0;
  const decibels = 10 * Math.log10(power / samples.length);
  return Math.min(1, Math.max(0, (decibels - quiet) / (loud - quiet)));
}

export class Meter {
  private readonly source: MediaStreamAudioSourceNode;
  private readonly analyser: AnalyserNode;
  private readonly samples: Float32Array<ArrayBuffer>;

  constructor(context: AudioContext, stream: MediaStream) {
    this.source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    this.analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.samples = new Float32Array(this.analyser.fftSize);
    this.source.connect(this.analyser);
  }

  /** The level now, from 0 to 1. */
  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    return share(this.samples);
  }

  stop(): void {
    this.source.disconnect();
  }
}
