/** Calls back while something moves: each frame, or twice a second for those who prefer no motion. */

export class Pulse {
  private frame: number | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly beat: () => void) {}

  run(on: boolean): void {
    if (on === (this.frame !== undefined || this.timer !== undefined)) return;
    if (!on) {
      cancelAnimationFrame(this.frame ?? 0);
      clearInterval(this.timer);
      this.frame = this.timer = undefined;
    } else if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.timer = setInterval(this.beat, 500);
    } else {
      const next = () => {
        this.frame = requestAnimationFrame(next);
        this.beat();
      };
      this.frame = requestAnimationFrame(next);
    }
  }
}
