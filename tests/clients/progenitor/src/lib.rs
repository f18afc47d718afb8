//! The client of the gateway that progenitor generates. `../progenitor.sh` fetches the document.

progenitor::generate_api!(spec = "target/openapi-3.0.json", interface = Builder);
