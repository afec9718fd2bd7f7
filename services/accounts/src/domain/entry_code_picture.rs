//! QR codes as pictures: PNG for screens, SVG for print.

use std::{error::Error, fmt::Write};

use fast_qr::{ECL, QRBuilder, QRCode};

/// How a picture is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture {
    pub(crate) format: Format,
    /// Width and height in pixels.
    pub(crate) size: usize,
    /// Width of the white border, in modules.
    pub(crate) quiet_zone: usize,
    pub(crate) correction: ECL,
}

/// Formats of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Svg,
}

/// Why a text cannot be drawn.
#[derive(Debug)]
pub(crate) enum Undrawable {
    /// It has more modules than the picture has pixels: this many are needed.
    TooSmall(usize),
    /// It is longer than a QR code can be, or the encoder failed.
    Failed(Box<dyn Error + Send + Sync>),
}

/// Draws `text` as a QR code.
pub(crate) fn draw(text: &str, picture: &Picture) -> Result<Vec<u8>, Undrawable> {
    let code = QRBuilder::new(text).ecl(picture.correction).build();
    let code = code.map_err(|error| Undrawable::Failed(error.into()))?;
    let modules = code.size + 2 * picture.quiet_zone;
    match picture.format {
        _ if modules > picture.size => Err(Undrawable::TooSmall(modules)),
        Format::Png => png(&code, picture.size, modules).map_err(|error| Undrawable::Failed(error.into())),
        Format::Svg => Ok(svg(&code, picture, modules).into_bytes()),
    }
}

/// One bit a pixel. All modules have the same whole number of pixels; what is left over widens the border.
fn png(code: &QRCode, size: usize, modules: usize) -> Result<Vec<u8>, png::EncodingError> {
    const WHITE: u8 = 0xff;
    let scale = size / modules;
    let border = (size - code.size * scale) / 2;
    let bytes_per_row = size.div_ceil(8);
    let mut pixels = Vec::with_capacity(bytes_per_row * size);
    pixels.resize(bytes_per_row * border, WHITE);
    for modules in (0..code.size).map(|y| &code[y]) {
        let mut row = vec![WHITE; bytes_per_row];
        let dark = modules.iter().enumerate().filter(|(_, module)| module.value());
        for x in dark.flat_map(|(x, _)| border + x * scale..border + (x + 1) * scale) {
            row[x / 8] &= !(0x80 >> (x % 8));
        }
        for _ in 0..scale {
            pixels.extend_from_slice(&row);
        }
    }
    pixels.resize(bytes_per_row * size, WHITE);

    let side = u32::try_from(size).unwrap_or(u32::MAX);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

/// A unit a module; dark modules side by side are one rectangle.
fn svg(code: &QRCode, picture: &Picture, modules: usize) -> String {
    let size = picture.size;
    let mut document = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{size}\" height=\"{size}\" \
         viewBox=\"0 0 {modules} {modules}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{modules}v{modules}H0z\"/><path d=\""
    );
    for y in 0..code.size {
        let row = &code[y];
        let mut x = 0;
        while x < code.size {
            let width = row[x..].iter().take_while(|module| module.value()).count();
            if width > 0 {
                let (left, top) = (x + picture.quiet_zone, y + picture.quiet_zone);
                // Writing to a String cannot fail.
                let _ = write!(document, "M{left} {top}h{width}v1h-{width}z");
            }
            x += width.max(1);
        }
    }
    document + "\"/></svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: Picture = Picture { format: Format::Png, size: 256, quiet_zone: 4, correction: ECL::M };

    #[test]
    fn a_picture_must_have_a_pixel_for_each_module() {
        let long = "x".repeat(500);
        let Err(Undrawable::TooSmall(needed)) = draw(&long, &Picture { size: 64, ..PICTURE }) else {
            panic!("it was drawn")
        };
        assert!(draw(&long, &Picture { size: needed, ..PICTURE }).is_ok());
        assert!(draw(&long, &Picture { size: needed - 1, ..PICTURE }).is_err());
        assert!(matches!(draw(&"x".repeat(5_000), &PICTURE), Err(Undrawable::Failed(_))));
    }

    #[test]
    fn an_svg_has_as_many_dark_modules_as_the_code() {
        let text = "https://example.com/e/0123456789";
        let code = QRBuilder::new(text).ecl(ECL::M).build().unwrap();
        let dark = (0..code.size).map(|y| code[y].iter().filter(|module| module.value()).count());
        let document = draw(text, &Picture { format: Format::Svg, ..PICTURE }).unwrap();
        let document = String::from_utf8(document).unwrap();
        // The first path is the background.
        let runs = document.split('M').skip(2).filter_map(|run| run.split_once('h')?.1.split_once('v'));
        let drawn: usize = runs.map(|(width, _)| width.parse::<usize>().unwrap()).sum();
        assert_eq!(drawn, dark.sum::<usize>());
    }
}
