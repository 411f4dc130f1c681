//! Bytes and messages: the handshake, then encrypted frames. Knows no sockets.

use super::keys::Authority;
use binary_sv2::{GetSize, Serialize};
use codec_sv2::{
    Decoded, Decrypted, Handshake, MessageFrame, NoiseDecoder, NoiseEncoder, TransportDecryptState,
    TransportEncryptState,
};
use common_messages_sv2 as common;
use noise_sv2::Responder;
use template_distribution_sv2 as distribution;

/// The longest payload that a client has reason to send: a solution with a coinbase of 65535 bytes.
const MAX_PAYLOAD: usize = 8 + 3 * 4 + 2 + 65_535;
/// The same as it travels: encrypted header and two encrypted chunks, a tag of 16 bytes with each.
const MAX_FRAME: usize = 6 + MAX_PAYLOAD + 3 * 16;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// What came is no handshake, or was not encrypted with its keys, or has no form.
    #[error("what came cannot be understood: {0}")]
    Codec(String),
    /// Nothing that long is expected.
    #[error("a frame of more than {MAX_FRAME} bytes")]
    TooLong,
    /// Something was to be said or heard after a failure or before the handshake.
    #[error("there is no handshake to go by")]
    NoHandshake,
}

impl From<codec_sv2::Error> for WireError {
    fn from(error: codec_sv2::Error) -> Self {
        Self::Codec(error.to_string())
    }
}

/// A frame of the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The extension that it belongs to, 0 for the protocol itself.
    pub(super) extension: u16,
    /// Whether it is for a channel, of which there are none here.
    pub(super) channel: bool,
    /// The message's type.
    pub(super) kind: u8,
    /// The message.
    pub(super) payload: Vec<u8>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Event {
    /// The client began the handshake; these bytes are the answer, and with them it is over.
    Handshake(Vec<u8>),
    /// A message.
    Frame(Frame),
}

/// What a client is told.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    SetupSuccess(common::SetupConnectionSuccess),
    SetupError(common::SetupConnectionErrorOwned),
    NewTemplate(distribution::NewTemplateOwned),
    SetNewPrevHash(distribution::SetNewPrevHashOwned),
    Data(distribution::RequestTransactionDataSuccessOwned),
    NoData(distribution::RequestTransactionDataErrorOwned),
}

enum Phase {
    Handshake(Handshake<Responder>),
    Transport { seal: TransportEncryptState, open: TransportDecryptState },
    Broken,
}

/// One connection's keys, and what has come of a frame that is not complete.
pub(super) struct Wire {
    phase: Phase,
    decoder: NoiseDecoder,
    encoder: NoiseEncoder,
    /// Bytes since the last complete frame.
    gathered: usize,
}

impl Wire {
    pub(super) fn new(authority: &Authority) -> Result<Self, WireError> {
        let responder = authority.responder().map_err(|error| WireError::Codec(format!("{error:?}")))?;
        Ok(Self {
            phase: Phase::Handshake(Handshake::responder(responder)),
            decoder: NoiseDecoder::new(),
            encoder: NoiseEncoder::new(),
            gathered: 0,
        })
    }

    /// The next thing in `input`, from which it is taken; `None` if more bytes are needed. After an error there is
    /// nothing more to hope for.
    pub(super) fn next(&mut self, input: &mut Vec<u8>) -> Result<Option<Event>, WireError> {
        loop {
            if matches!(self.phase, Phase::Broken) {
                return Err(WireError::NoHandshake);
            }
            let wanted = self.decoder.writable_len();
            if input.len() < wanted {
                return Ok(None);
            }
            // The length that a frame declares is told by the crate only through how much it asks for.
            self.gathered += wanted;
            if self.gathered > MAX_FRAME {
                self.phase = Phase::Broken;
                return Err(WireError::TooLong);
            }
            self.decoder.writable().copy_from_slice(&input[..wanted]);
            input.drain(..wanted);
            if let Some(event) = self.decode()? {
                self.gathered = 0;
                return Ok(Some(event));
            }
        }
    }

    fn decode(&mut self) -> Result<Option<Event>, WireError> {
        // After an error the keys are gone: no byte can be believed any more.
        match std::mem::replace(&mut self.phase, Phase::Broken) {
            Phase::Handshake(handshake) => {
                let Decoded::Frame(theirs) = self.decoder.next_handshake_frame::<Responder>()? else {
                    self.phase = Phase::Handshake(handshake);
                    return Ok(None);
                };
                let key = theirs.payload().try_into().map_err(|_| WireError::NoHandshake)?;
                let (answer, transport) = handshake.step_1(key)?;
                let (seal, open) = transport.split();
                self.phase = Phase::Transport { seal, open };
                Ok(Some(Event::Handshake(self.encoder.encode_handshake(answer))))
            }
            Phase::Transport { seal, open } => match self.decoder.next_transport_frame(open)? {
                Decrypted::Incomplete(_, open) => {
                    self.phase = Phase::Transport { seal, open };
                    Ok(None)
                }
                Decrypted::Frame(mut frame, open) => {
                    self.phase = Phase::Transport { seal, open };
                    let header = frame.header();
                    Ok(Some(Event::Frame(Frame {
                        extension: header.ext_type_without_channel_msg(),
                        channel: header.channel_msg(),
                        kind: header.msg_type(),
                        payload: frame.payload().to_vec(),
                    })))
                }
            },
            Phase::Broken => Err(WireError::NoHandshake),
        }
    }

    /// A message as it travels.
    pub(super) fn seal(&mut self, reply: Reply) -> Result<Vec<u8>, WireError> {
        match reply {
            Reply::SetupSuccess(message) => {
                self.frame(message, common::MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS)
            }
            Reply::SetupError(message) => self.frame(message, common::MESSAGE_TYPE_SETUP_CONNECTION_ERROR),
            Reply::NewTemplate(message) => self.frame(message, distribution::MESSAGE_TYPE_NEW_TEMPLATE),
            Reply::SetNewPrevHash(message) => {
                self.frame(message, distribution::MESSAGE_TYPE_SET_NEW_PREV_HASH)
            }
            Reply::Data(message) => {
                self.frame(message, distribution::MESSAGE_TYPE_REQUEST_TRANSACTION_DATA_SUCCESS)
            }
            Reply::NoData(message) => {
                self.frame(message, distribution::MESSAGE_TYPE_REQUEST_TRANSACTION_DATA_ERROR)
            }
        }
    }

    fn frame<T: Serialize + GetSize>(&mut self, message: T, kind: u8) -> Result<Vec<u8>, WireError> {
        let Phase::Transport { seal, .. } = &mut self.phase else { return Err(WireError::NoHandshake) };
        let frame = MessageFrame::from_message(message, kind, 0, false).map_err(codec_sv2::Error::from)?;
        Ok(self.encoder.encode_transport(frame, seal)?)
    }
}
