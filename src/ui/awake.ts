/**
 * Keeps the screen on, as far as the browser agrees, until the answer is called: a phone that falls asleep stops what runs. A
 * page that nobody sees loses its hold, and takes it again when it is seen.
 */
export function keepAwake(): () => void {
  const { wakeLock } = navigator as Partial<Navigator>;
  if (!wakeLock) return () => undefined;
  let isOver = false;
  let held: WakeLockSentinel | null = null;
  const hold = async () => {
    if (document.visibilityState !== 'visible') return;
    // Refused when the battery is low: then it runs as it did before.
    const lock = await wakeLock.request('screen').catch(() => null);
    if (isOver) await lock?.release();
    else held = lock;
  };
  const onSeen = () => void hold();
  document.addEventListener('visibilitychange', onSeen);
  void hold();
  return () => {
    isOver = true;
    document.removeEventListener('visibilitychange', onSeen);
    void held?.release();
  };
}
