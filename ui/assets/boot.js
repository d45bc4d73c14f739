// Starts the compiled UI. The only script that is not generated.
import init from '../icebridge-ui.js';

const stopped = document.getElementById('stopped');
document.getElementById('reload').addEventListener('click', () => window.location.reload());

// What is thrown out of the compiled code leaves it half-way through something.
window.addEventListener('error', ({ error }) => {
  if (error instanceof WebAssembly.RuntimeError) stopped.hidden = false;
});

try {
  await init();
} catch (error) {
  console.error(error);
  stopped.hidden = false;
}
