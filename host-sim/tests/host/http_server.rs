//! A real HTTP server for the tests: it keeps what it gets and answers with a fixed body.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

pub struct HttpServer {
    pub url: String,
    /// Request line, headers and body of each request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpServer {
    /// Starts a server that answers everything with this body; it ends with the test.
    pub fn start(body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // Noted first: whoever has the answer finds the request.
                log.lock().unwrap().push(read(&stream));
                answer(&mut stream, body);
            }
        });
        Self { url, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut size) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let lower = line.to_lowercase();
        if let Some(length) = lower.strip_prefix("content-length:") {
            size = length.trim().parse().unwrap();
        }
        request += &lower;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut content = vec![0; size];
    reader.read_exact(&mut content).unwrap();
    request += &String::from_utf8(content).unwrap();
    request
}

fn answer(stream: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nx-test: yes\r\ncontent-length: {}\r\n", body.len());
    write!(stream, "{head}connection: close\r\n\r\n{body}").unwrap();
}
