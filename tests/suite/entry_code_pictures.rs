//! Entry codes as pictures, which a scanner reads.

use std::{collections::BTreeSet, io::Cursor};

use rqrr::PreparedImage;
use siyu_proto::accounts::v1::{
    EntryCode, EntryCodePicture, ErrorCorrection, PictureFormat, RenderEntryCodeRequest,
    RenderEntryCodesRequest,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    entry_codes::{SHOP, batch, codes, create, disable, on_a_package},
    support::fields,
};

/// Width and grey values of a PNG file.
fn pixels(file: &[u8]) -> (usize, Vec<u8>) {
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.width, info.height);
    (usize::try_from(info.width).unwrap(), pixels)
}

/// What the SVG draws, with so many pixels a module.
fn painted(document: &str, scale: usize) -> (usize, Vec<u8>) {
    let (_, after) = document.split_once("viewBox=\"0 0 ").unwrap();
    let modules: usize = after.split_once(' ').unwrap().0.parse().unwrap();
    let (_, path) = document.rsplit_once("d=\"").unwrap();
    let width = modules * scale;
    let mut pixels = vec![255; width * width];
    for run in path.split('z').filter_map(|run| run.strip_prefix('M')) {
        let (place, rest) = run.split_once('h').unwrap();
        let (x, y) = place.split_once(' ').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
        for line in y * scale..(y + 1) * scale {
            pixels[line * width + x * scale..line * width + (x + length) * scale].fill(0);
        }
    }
    (width, pixels)
}

/// What a scanner reads.
fn read((width, pixels): (usize, Vec<u8>)) -> String {
    let mut image = PreparedImage::prepare_from_greyscale(width, width, |x, y| pixels[y * width + x]);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

async fn what_is_drawn_can_be_read(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let code = create(&suite, "spring-box", on_a_package()).await.unwrap();
    let draw = |picture: EntryCodePicture| {
        let request = RenderEntryCodeRequest { name: code.name.clone(), picture: Some(picture) };
        let mut codes = codes(&suite);
        async move { Ok::<_, Status>(codes.render_entry_code(request).await?.into_inner().content) }
    };
    let png = EntryCodePicture { format: PictureFormat::Png.into(), ..EntryCodePicture::default() };
    for correction in
        [ErrorCorrection::Low, ErrorCorrection::Unspecified, ErrorCorrection::Quartile, ErrorCorrection::High]
    {
        for (size, quiet_zone) in
            [(None, None), (Some(150), Some(4)), (Some(301), Some(2)), (Some(2_048), Some(16))]
        {
            let file =
                draw(EntryCodePicture { size, quiet_zone, error_correction: correction.into(), ..png });
            let (width, pixels) = pixels(&file.await.unwrap());
            assert_eq!(width, usize::try_from(size.unwrap_or(512)).unwrap());
            assert_eq!(read((width, pixels)), code.uri, "{correction:?} {size:?} {quiet_zone:?}");
        }
    }
    let svg = draw(EntryCodePicture { format: PictureFormat::Svg.into(), ..png }).await.unwrap();
    assert_eq!(read(painted(&String::from_utf8(svg).unwrap(), 4)), code.uri);

    for (picture, field) in [
        (EntryCodePicture { size: Some(63), ..png }, "picture.size"),
        (EntryCodePicture { size: Some(2_049), ..png }, "picture.size"),
        (
            EntryCodePicture {
                size: Some(64),
                quiet_zone: Some(16),
                error_correction: ErrorCorrection::High.into(),
                ..png
            },
            "picture.size",
        ),
        (EntryCodePicture { quiet_zone: Some(17), ..png }, "picture.quiet_zone"),
        (EntryCodePicture { format: 0, ..png }, "picture.format"),
        (EntryCodePicture { error_correction: 9, ..png }, "picture.error_correction"),
    ] {
        let status = draw(picture).await.unwrap_err();
        assert_eq!(fields(&status), [field], "{status}");
    }
    suite.finish().await;
}

async fn a_print_job_has_every_code_that_leads_somewhere(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let made = codes(&suite).batch_create_entry_codes(batch(&[], "Store ", 45)).await.unwrap().into_inner();
    disable(&suite, &made.entry_codes[7].name).await;
    create(&suite, "other", EntryCode { campaign: "other".to_owned(), ..on_a_package() }).await.unwrap();
    let request = RenderEntryCodesRequest {
        parent: SHOP.to_owned(),
        campaign: "spring".to_owned(),
        picture: Some(EntryCodePicture {
            format: PictureFormat::Png.into(),
            size: Some(128),
            ..EntryCodePicture::default()
        }),
    };
    let mut stream = codes(&suite).render_entry_codes(request.clone()).await.unwrap().into_inner();
    let mut drawn = BTreeSet::new();
    while let Some(picture) = stream.message().await.unwrap() {
        let uri = read(pixels(&picture.content));
        assert!(drawn.insert((picture.entry_code, picture.display_name, uri)));
    }
    let expected = made.entry_codes.into_iter().enumerate().filter(|(place, _)| *place != 7);
    assert_eq!(drawn, expected.map(|(_, code)| (code.name, code.display_name, code.uri)).collect());

    let nowhere = RenderEntryCodesRequest { parent: "accounts/nowhere".to_owned(), ..request };
    assert_eq!(codes(&suite).render_entry_codes(nowhere).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(what_is_drawn_can_be_read, a_print_job_has_every_code_that_leads_somewhere,);
