DROP TRIGGER bulk_item_removed_only_while_checked ON bulk_paymentitem;
DROP TRIGGER bulk_item_added_only_while_checked ON bulk_paymentitem;
DROP FUNCTION bulk_check_items_open();
DROP TRIGGER bulk_batch_unchanged ON bulk_paymentbatch;
DROP TRIGGER bulk_item_unchanged ON bulk_paymentitem;
DROP FUNCTION bulk_refuse_change();
