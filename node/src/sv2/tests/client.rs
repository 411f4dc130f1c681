//! A client, made of the other side of the crates.

use super::super::keys::Authority;
use super::*;
use binary_sv2::{GetSize, Serialize, from_bytes};
use chaincore_consensus::codec::Reader;
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::pow::Target;
use chaincore_consensus::{Header, Transaction, TxIn};
use codec_sv2::{
    Decoded, Decrypted, Handshake, InitiatorSent, MessageFrame, NoiseDecoder, NoiseEncoder,
    TransportDecryptState, TransportEncryptState,
};
use common::{Protocol, SetupConnection, SetupConnectionSuccess};
use distribution::{
    CoinbaseOutputConstraints, NewTemplate, NewTemplateOwned, RequestTransactionData,
    RequestTransactionDataError, RequestTransactionDataSuccess, RequestTransactionDataSuccessOwned,
    SetNewPrevHash, SubmitSolution,
};
use noise_sv2::Initiator;

/// What a client says of itself.
#[derive(Clone, Copy)]
pub(super) struct SetUp {
    pub(super) protocol: u8,
    pub(super) versions: (u16, u16),
    pub(super) flags: u32,
}

/// A template that is to be mined on.
pub(super) struct Job {
    pub(super) template: NewTemplateOwned,
    pub(super) previous: BlockHash,
    pub(super) time: u32,
    pub(super) bits: u32,
}

impl Job {
    /// The coinbase as the protocol has clients make it.
    pub(super) fn coinbase(&self, own: &[u8], mut outputs: Vec<TxOut>, witness: bool) -> Transaction {
        let template = &self.template;
        let mut reader = Reader::new(template.coinbase_tx_outputs.as_bytes());
        let demanded = (0..template.coinbase_tx_outputs_count).map(|_| TxOut::decode(&mut reader).unwrap());
        outputs.extend(demanded.collect::<Vec<_>>());
        assert_eq!(reader.remaining(), 0);
        let script = [template.coinbase_prefix.as_bytes(), own].concat();
        assert!(script.len() <= 100);
        let input = TxIn {
            previous_output: OutPoint::NULL,
            script_sig: Script(script),
            sequence: template.coinbase_tx_input_sequence,
            witness: if witness { vec![vec![0; 32]] } else { vec![] },
        };
        Transaction {
            version: template.coinbase_tx_version,
            inputs: vec![input],
            outputs,
            lock_time: template.coinbase_tx_locktime,
        }
    }
}

/// A header that is complete, and the coinbase in it.
pub(super) struct Solution {
    template: u64,
    header: Header,
    coinbase: Vec<u8>,
}

impl Solution {
    pub(super) fn hash(&self) -> BlockHash {
        self.header.hash()
    }
}

/// Looks for a nonce that meets the target, or one that does not.
pub(super) fn solved(job: &Job, coinbase: &Transaction, solves: bool) -> Solution {
    let mut root = coinbase.compute_txid().0;
    for hash in job.template.merkle_path.iter() {
        root = sha256d(&[&root[..], hash.as_bytes()].concat());
    }
    let mut header = Header {
        version: job.template.version.cast_signed(),
        previous: job.previous,
        merkle_root: chaincore_consensus::Hash256(root),
        time: job.time,
        bits: job.bits,
        nonce: 0,
    };
    let target = Target::from_compact(job.bits).unwrap();
    while target.is_met_by(&header.hash()) != solves {
        header.nonce += 1;
    }
    let mut bytes = Vec::new();
    coinbase.encode(&mut bytes);
    Solution { template: job.template.template_id, header, coinbase: bytes }
}

/// A message as it is, whatever it is.
struct Raw(Vec<u8>);

impl GetSize for Raw {
    fn get_size(&self) -> usize {
        self.0.len()
    }
}

impl Serialize for Raw {
    fn to_bytes(self, dst: &mut [u8]) -> Result<usize, binary_sv2::Error> {
        dst[..self.0.len()].copy_from_slice(&self.0);
        Ok(self.0.len())
    }
}

pub(super) struct Client {
    stream: TcpStream,
    decoder: NoiseDecoder,
    encoder: NoiseEncoder,
    seal: TransportEncryptState,
    open: Option<TransportDecryptState>,
}

pub(super) fn stream(host: &Host) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port_of(host))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    stream
}

/// The answer to a set-up that is agreed to.
pub(super) fn accepted(answer: Option<(u8, Vec<u8>)>) {
    let (kind, mut payload) = answer.expect("an answer");
    assert_eq!(kind, common::MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS);
    let success: SetupConnectionSuccess = from_bytes(&mut payload).unwrap();
    assert_eq!((success.used_version, success.flags), (2, 0));
}

impl Client {
    /// Connects to whoever has the key in this folder.
    pub(super) fn connect(host: &Host, dir: &Path) -> Self {
        let authority = Authority::open(&dir.join("key")).unwrap();
        Self::handshake(stream(host), authority.public()).unwrap()
    }

    pub(super) fn handshake(mut stream: TcpStream, authority: [u8; 32]) -> Result<Self, codec_sv2::Error> {
        let initiator = Initiator::from_raw_k(authority).unwrap();
        let (mut encoder, mut decoder) = (NoiseEncoder::new(), NoiseDecoder::new());
        let (first, sent) = Handshake::initiator(initiator).step_0()?;
        // The server may have hung up already; then nothing can be read either.
        let _ = stream.write_all(&encoder.encode_handshake(first));
        let answer = loop {
            if stream.read_exact(decoder.writable()).is_err() {
                return Err(codec_sv2::Error::from(noise_sv2::AeadError));
            }
            if let Decoded::Frame(answer) = decoder.next_handshake_frame::<InitiatorSent>()? {
                break answer;
            }
        };
        let transport = sent.step_2(answer.payload().try_into().unwrap())?;
        let (seal, open) = transport.split();
        Ok(Self { stream, decoder, encoder, seal, open: Some(open) })
    }

    fn say<T: Serialize + GetSize>(&mut self, extension: u16, kind: u8, message: T) {
        let channel = extension & 0x8000 != 0;
        let frame = MessageFrame::from_message(message, kind, extension & 0x7fff, channel).unwrap();
        let bytes = self.encoder.encode_transport(frame, &mut self.seal).unwrap();
        // The server may have hung up already.
        let _ = self.stream.write_all(&bytes);
    }

    /// Sends whatever bytes as a message.
    pub(super) fn send(&mut self, extension: u16, kind: u8, payload: &[u8]) {
        self.say(extension, kind, Raw(payload.to_vec()));
    }

    /// Sends what is encrypted with no key.
    pub(super) fn garble(&mut self) {
        let _ = self.stream.write_all(&[0xa5; 1000]);
    }

    /// The next message; `None` if the server hung up.
    pub(super) fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            match self.stream.read_exact(self.decoder.writable()) {
                Ok(()) => {}
                // What was on its way to a closed connection makes it a reset.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
            let open = self.open.take().expect("the keys are there");
            match self.decoder.next_transport_frame(open).expect("the server's frames are whole") {
                Decrypted::Incomplete(_, open) => self.open = Some(open),
                Decrypted::Frame(mut frame, open) => {
                    self.open = Some(open);
                    assert_eq!(frame.header().ext_type(), 0);
                    return Some((frame.header().msg_type(), frame.payload().to_vec()));
                }
            }
        }
    }

    pub(super) fn ask(&mut self, asked: SetUp) {
        let message = SetupConnection {
            protocol: Protocol::TemplateDistributionProtocol,
            min_version: asked.versions.0,
            max_version: asked.versions.1,
            flags: asked.flags,
            endpoint_host: "127.0.0.1".try_into().unwrap(),
            endpoint_port: 8442,
            vendor: "test".try_into().unwrap(),
            hardware_version: "".try_into().unwrap(),
            firmware: "1.0".try_into().unwrap(),
            device_id: "".try_into().unwrap(),
        };
        let mut bytes = binary_sv2::to_bytes(message).unwrap();
        bytes[0] = asked.protocol;
        self.send(0, common::MESSAGE_TYPE_SETUP_CONNECTION, &bytes);
    }

    pub(super) fn set_up(&mut self) {
        self.ask(SetUp { protocol: 2, versions: (2, 2), flags: 0 });
        let answer = self.read();
        accepted(answer);
    }

    pub(super) fn constrain(&mut self, size: u32, sigops: u16) {
        let message = CoinbaseOutputConstraints {
            coinbase_output_max_additional_size: size,
            coinbase_output_max_additional_sigops: sigops,
        };
        self.say(0, distribution::MESSAGE_TYPE_COINBASE_OUTPUT_CONSTRAINTS, message);
    }

    /// The template that comes next.
    pub(super) fn template(&mut self) -> NewTemplateOwned {
        let (kind, mut payload) = self.read().expect("a template");
        assert_eq!(kind, distribution::MESSAGE_TYPE_NEW_TEMPLATE);
        from_bytes::<NewTemplate>(&mut payload).unwrap().into_owned()
    }

    /// The next template for another tip, or for other needs: what comes before it on the last tip is passed over.
    pub(super) fn activated(&mut self) -> Job {
        let mut template = self.template();
        while !template.future_template {
            template = self.template();
        }
        let (kind, mut payload) = self.read().expect("a message");
        assert_eq!(kind, distribution::MESSAGE_TYPE_SET_NEW_PREV_HASH);
        let activation: SetNewPrevHash = from_bytes(&mut payload).unwrap();
        assert_eq!(activation.template_id, template.template_id);
        let mut target = activation.target.to_array();
        target.reverse();
        assert_eq!(Target::from_compact(activation.n_bits), Ok(Target::from_be_bytes(target)));
        Job {
            previous: BlockHash(activation.prev_hash.to_array()),
            time: activation.header_timestamp,
            bits: activation.n_bits,
            template,
        }
    }

    /// The transactions of a template, or why there are none. No other message may come before them.
    pub(super) fn data(&mut self, id: u64) -> Result<RequestTransactionDataSuccessOwned, String> {
        let message = RequestTransactionData { template_id: id };
        self.say(0, distribution::MESSAGE_TYPE_REQUEST_TRANSACTION_DATA, message);
        let (kind, mut payload) = self.read().expect("an answer");
        if kind == distribution::MESSAGE_TYPE_REQUEST_TRANSACTION_DATA_ERROR {
            let error: RequestTransactionDataError = from_bytes(&mut payload).unwrap();
            assert_eq!(error.template_id, id);
            return Err(String::from_utf8(error.error_code.as_bytes().to_vec()).unwrap());
        }
        assert_eq!(kind, distribution::MESSAGE_TYPE_REQUEST_TRANSACTION_DATA_SUCCESS);
        let data: RequestTransactionDataSuccess = from_bytes(&mut payload).unwrap();
        assert_eq!(data.template_id, id);
        Ok(data.into_owned())
    }

    pub(super) fn submit(&mut self, solution: &Solution) {
        let message = SubmitSolution {
            template_id: solution.template,
            version: solution.header.version.cast_unsigned(),
            header_timestamp: solution.header.time,
            header_nonce: solution.header.nonce,
            coinbase_tx: solution.coinbase.as_slice().try_into().unwrap(),
        };
        self.say(0, distribution::MESSAGE_TYPE_SUBMIT_SOLUTION, message);
    }

    /// A solution with whatever for a coinbase.
    pub(super) fn submit_raw(&mut self, id: u64, coinbase: &[u8]) {
        let message = SubmitSolution {
            template_id: id,
            version: 0,
            header_timestamp: 0,
            header_nonce: 0,
            coinbase_tx: coinbase.try_into().unwrap(),
        };
        self.say(0, distribution::MESSAGE_TYPE_SUBMIT_SOLUTION, message);
    }
}
