import { expect, test } from 'vitest';
import { pageOrSkip } from '../support/page.ts';

const withPage = pageOrSkip();

/** SwiftShader: a graphics device in software, which comes with Chromium. */
const flags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

withPage('the built page, on WebGPU', { flags }, (opened) => {
  test('is left for the CPU when it is software, with the reason, and can be chosen; both say the same', async () => {
    const { page, address, complaints } = opened();
    const bars = page.getByRole('table', { name: 'Next token' });
    const top = () => bars.getByRole('rowheader').first().innerText();
    await page.goto(address);
    await bars.waitFor();
    const onCpu = await top();

    await page.getByRole('button', { name: /^Device: CPU/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Where it runs' });
    expect(await dialog.innerText()).toContain('The only graphics device is a software one');
    await dialog.getByRole('radio', { name: /^WebGPU/ }).check();
    await dialog.getByRole('button', { name: 'Open again' }).click();

    await page.getByRole('button', { name: 'Device: WebGPU' }).waitFor();
    await bars.waitFor();
    await expect.poll(top, { timeout: 60_000 }).toBe(onCpu);
    await page.getByRole('button', { name: 'Device: WebGPU' }).click();
    expect(await dialog.innerText()).toMatch(
      /You chose this\.[^]*Self-check\s+a known sentence gives the (known|CPU’s) numbers/,
    );
    expect(complaints).toEqual([]);
  });
});
