/** Scanning: a dialog with what the camera sees, and a picture's file in its place. */
import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { number, t } from '../../text';
import { Dialog, Icon, Note, Progress } from '../../ui';
import { asError, said } from '../parts/use';
import { isPart, Joiner, type Joined } from './bbqr';
import { Reader } from './reader';

/** What was read: one code's text, or what a sequence of codes was put together to. */
export type Read = { text: string } | { joined: Joined };

const LONGEST = 8 * 1024 * 1024;
/** Between two looks, in milliseconds. */
const PAUSE = 80;

type Camera = 'none' | 'insecure' | 'starting' | 'on' | 'refused' | 'missing';

function begin(): Camera {
  if (!globalThis.isSecureContext) return 'insecure';
  return 'mediaDevices' in navigator ? 'starting' : 'none';
}

function ScanBody({ onRead, onDone }: {
  onRead: (read: Read) => Promise<void>;
  onDone: () => void;
}): JSX.Element {
  const [camera, setCamera] = useState<Camera>(begin);
  const [have, setHave] = useState<{ have: number; of: number } | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const video = useRef<HTMLVideoElement>(null);
  const reader = useRef<Reader | null>(null);
  const joiner = useRef(new Joiner(LONGEST));
  const id = useId();
  reader.current ??= new Reader();

  /** Whether that was all. */
  const take = async (text: string): Promise<boolean> => {
    let read: Read = { text };
    if (isPart(text)) {
      if (!joiner.current.add(text)) throw new Error(t('scan.damaged'));
      setHave(joiner.current.progress);
      setWrong(null);
      const joined = await joiner.current.joined();
      if (!joined) return false;
      read = { joined };
    } else if (/^ur:/i.test(text)) {
      throw new Error(t('scan.ur'));
    }
    await onRead(read);
    onDone();
    return true;
  };

  useEffect(() => {
    const own = reader.current;
    let left = false;
    let stream: MediaStream | null = null;
    let last = '';
    const look = async (): Promise<void> => {
      while (!left) {
        const text = video.current && own ? await own.frame(video.current) : null;
        // What was refused is not refused again at every look.
        if (text !== null && text !== last && !left) {
          last = text;
          try {
            if (await take(text)) return;
          } catch (error) {
            if (!left) setWrong(said(asError(error)));
          }
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    };
    const watch = async (): Promise<void> => {
      try {
        const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
        stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: 'environment', ...size } });
      } catch (error) {
        if (!left) setCamera(error instanceof DOMException && error.name === 'NotAllowedError' ? 'refused' : 'missing');
        return;
      }
      if (left || !video.current) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      video.current.srcObject = stream;
      await video.current.play().catch(() => undefined);
      setCamera('on');
      await look();
    };
    if (camera === 'starting') void watch();
    return () => {
      left = true;
      for (const track of stream?.getTracks() ?? []) track.stop();
      own?.end();
    };
  }, []);

  const pictures = async (files: FileList | null): Promise<void> => {
    setWrong(null);
    try {
      for (const file of files ?? []) {
        const text = await reader.current?.picture(file).catch(() => {
          throw new Error(t('scan.nopicture', { name: file.name }));
        });
        if (text == null) throw new Error(t('scan.nothing', { name: file.name }));
        if (await take(text)) return;
      }
    } catch (error) {
      setWrong(said(asError(error)));
    }
  };

  const seeing = camera === 'starting' || camera === 'on';
  return (
    <div class="stack scan">
      {seeing ? <video ref={video} muted playsInline aria-label={t('scan.camera')} /> : null}
      {seeing ? (
        <p class="dim small">{t('scan.hint')}</p>
      ) : (
        <Note tone="info">
          <p>{t(`scan.${camera}`)}</p>
        </Note>
      )}
      {have && have.of > 1 ? (
        <div class="stack tight" role="status">
          <Progress part={have.have / have.of} label={t('scan.progress')} />
          <span class="small">{t('scan.parts', { have: number(have.have), of: number(have.of) })}</span>
        </div>
      ) : null}
      {wrong === null ? null : (
        <Note tone="bad" urgent>
          <p>{wrong}</p>
        </Note>
      )}
      <div class="field">
        <label for={id}>{t('scan.file')}</label>
        <input
          id={id}
          type="file"
          accept="image/*"
          multiple
          onChange={(event) => {
            const field = event.currentTarget;
            void pictures(field.files).finally(() => {
              field.value = '';
            });
          }}
        />
        <span class="hint">{t('scan.file.hint')}</span>
      </div>
    </div>
  );
}

/** A button that opens it. What `onRead` throws is shown, and scanning goes on. */
export function ScanButton({ title, onRead, small = false }: {
  /** What is scanned; the dialog's heading. */
  title: string;
  onRead: (read: Read) => Promise<void>;
  small?: boolean;
}): JSX.Element {
  const [open, show] = useState(false);
  return (
    <>
      <button type="button" class={small ? 'button small' : 'button'} onClick={() => show(true)}>
        <Icon name="qr" size={small ? 16 : 20} />
        {t('scan.do')}
      </button>
      <Dialog title={title} open={open} onClose={() => show(false)}>
        <ScanBody onRead={onRead} onDone={() => show(false)} />
      </Dialog>
    </>
  );
}
