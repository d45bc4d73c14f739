// Starts the compiled UI. The only script that is not generated.
import init from '../icebridge-ui.js';

const stopped = document.getElementById('stopped');
const reload = document.getElementById('reload');
reload.addEventListener('click', () => window.location.reload());

// By its kind and not its message, which may hold what somebody typed. A panic has named its place already.
function stop(error) {
  console.error(error);
  const at = document.getElementById('stopped-at');
  at.textContent ||= error instanceof Error ? error.name : 'unknown';
  stopped.hidden = false;
  reload.focus();
}

// What is thrown out of the compiled code leaves it half-way through something.
window.addEventListener('error', ({ error }) => {
  if (error instanceof WebAssembly.RuntimeError) stop(error);
});

try {
  await init();
} catch (error) {
  stop(error);
}
