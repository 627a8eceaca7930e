//! Runs the conformance suite of the `object_store` crate.

use object_store::integration;

use crate::server::Server;

#[tokio::test]
async fn puts_gets_deletes_and_lists() {
    integration::put_get_delete_list(&Server::find().store()).await;
}

#[tokio::test]
async fn attributes_are_kept() {
    integration::put_get_attributes(&Server::find().store()).await;
}

#[tokio::test]
async fn reads_are_conditional() {
    integration::get_opts(&Server::find().store()).await;
}

#[tokio::test]
async fn writes_are_conditional() {
    integration::put_opts(&Server::find().store(), true).await;
}

#[tokio::test]
async fn large_objects_stream() {
    integration::stream_get(&Server::find().store()).await;
}

#[tokio::test]
async fn listings_know_folders() {
    let store = Server::find().store();
    integration::list_uses_directories_correctly(&store).await;
    integration::list_with_delimiter(&store).await;
}

#[tokio::test]
async fn listings_start_after_an_offset() {
    integration::list_with_offset_exclusivity(&Server::find().store()).await;
}

#[tokio::test]
async fn copies_and_renames() {
    let store = Server::find().store();
    integration::rename_and_copy(&store).await;
    integration::copy_rename_nonexistent_object(&store).await;
}

#[tokio::test]
async fn a_copy_replaces_nothing_that_it_may_not() {
    integration::copy_if_not_exists(&Server::find().store()).await;
}

#[tokio::test]
async fn an_object_that_is_not_there_is_not_found() {
    let found = integration::get_nonexistent_object(&Server::find().store(), None).await;
    assert!(matches!(found, Err(object_store::Error::NotFound { .. })), "{found:?}");
}

#[tokio::test]
async fn uploads_in_parts() {
    let store = Server::find().store();
    integration::multipart(&store, &store).await;
    integration::multipart_with_opts(&store, &store).await;
    integration::multipart_put_part_out_of_order(&store, &store).await;
    integration::multipart_out_of_order(&store).await;
}

#[tokio::test]
async fn the_last_upload_to_complete_wins() {
    integration::multipart_race_condition(&Server::find().store(), true).await;
}
