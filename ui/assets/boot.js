// Starts the compiled UI. The only script that is not generated.
import init from '../icebridge-ui.js';

const stopped = document.getElementById('stopped');
document.getElementById('reload').addEventListener('click', () => window.location.reload());

try {
  await init();
} catch (error) {
  console.error(error);
  stopped.hidden = false;
}
